using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>virtio-net over a real tap interface, which the host removes. Skipped where none may be made.</summary>
[Collection(AloneGroup.Name)]
public sealed class TapTests
{
    private const ulong ReceiveBuffer = 0x20_0000;
    private const ulong TransmitBuffer = 0x30_0000;

    private static int _count;

    private readonly string _name = string.Create(
        CultureInfo.InvariantCulture, $"kvt{Environment.ProcessId}-{Interlocked.Increment(ref _count)}");

    private VirtioBench Start()
    {
        TapDevice? tap = null;
        try
        {
            tap = TapDevice.Open(_name);
        }
        catch (KvmException error)
        {
            Assert.Skip($"no tap interface can be made here: {error.Message}");
        }

        int code;
        try
        {
            code = Ip("link", "set", _name, "up");
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            tap.Dispose();
            Assert.Skip($"there is no ip command here: {error.Message}");
            return null!;
        }

        Assert.Equal(0, code);
        var bench = new VirtioBench(
            new VirtioNet("net0", [2, 0, 0, 0, 0, 7], new TapChannel(tap), new BoundedLog(Serilog.Core.Logger.None)));
        bench.Driver.Start();
        return bench;
    }

    private static int Ip(params string[] arguments)
    {
        using Process ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        ip.WaitForExit();
        return ip.ExitCode;
    }

    private static void OfferFrames(VirtioBench bench, int count)
    {
        bench.Memory.GetSpan(new Gpa(TransmitBuffer), 12 + 60).Clear();
        bench.Memory.GetSpan(new Gpa(TransmitBuffer + 12), 6).Fill(0xFF);
        bench.Driver.SetChain(1, 0, new DriverBuffer(TransmitBuffer, 12 + 60, false));
        for (int i = 0; i < count; i++)
        {
            bench.Driver.Offer(1, 0);
            bench.Driver.Write(Register.QueueNotify, 1);
            Assert.True(
                SpinWait.SpinUntil(() => bench.Driver.TryTakeUsed(1, out _, out _), TimeSpan.FromSeconds(30)), $"frame {i} was not taken");
        }
    }

    private static void AssertLinkGoesDown(VirtioBench bench)
    {
        byte[] status = new byte[2];
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    bench.Device.ReadConfig(6, status);
                    return status[0] == 0;
                },
                TimeSpan.FromSeconds(30)),
            "the guest's link stays up");
        Assert.True(SpinWait.SpinUntil(() => (bench.Driver.Read(Register.InterruptStatus) & 2) != 0, TimeSpan.FromSeconds(30)));
        Assert.Equal((VirtioStatus)15, bench.Driver.Status);

        // A loop that a dead descriptor keeps busy would eat a processor.
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        Thread.Sleep(300);
        Assert.True(Process.GetCurrentProcess().TotalProcessorTime - before < TimeSpan.FromMilliseconds(200), "the loop spins");
        OfferFrames(bench, 20);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Interface_RemovedWhileItIsUsed_TakesTheLinkDown_AndTheDeviceGoesOn(int receiveBuffers)
    {
        using VirtioBench bench = Start();
        bench.StartLoop();
        for (ushort i = 0; i < receiveBuffers; i++)
        {
            bench.Driver.SetChain(0, i, new DriverBuffer(ReceiveBuffer + (0x1000UL * i), 2048, true));
            bench.Driver.Offer(0, i);
        }

        bench.Driver.Write(Register.QueueNotify, 0);
        OfferFrames(bench, 20);
        Assert.Equal(20 * 60, bench.Device.Statistics.BytesFromGuest);

        Assert.Equal(0, Ip("link", "delete", _name));

        // Nothing is watched while no buffer is offered, so it is the guest's next frame that finds it out.
        OfferFrames(bench, receiveBuffers == 0 ? 1 : 0);
        AssertLinkGoesDown(bench);
    }

    [Fact]
    public void Interface_SetDownAndUp_LosesFramesInBetween_AndKeepsTheLink()
    {
        using VirtioBench bench = Start();
        bench.StartLoop();
        Assert.Equal(0, Ip("link", "set", _name, "down"));
        OfferFrames(bench, 5);
        Assert.Equal(0, Ip("link", "set", _name, "up"));
        OfferFrames(bench, 5);

        byte[] status = new byte[2];
        bench.Device.ReadConfig(6, status);
        Assert.Equal(1, status[0]);
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus) & 2);
    }
}
