using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Vcpus;

public sealed class VcpuThreadTests : IDisposable
{
    private const ushort Port = 0x80;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly StopSignal _stop = new();

    public void Dispose() => _stop.Dispose();

    [KvmFact]
    public void RunLoop_AllocatesNothingPerExit()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xE6, (byte)Port, 0xEB, 0xFC]);
        long least = long.MaxValue;
        for (int round = 0; round < Allocations.Rounds && least > 0; round++)
        {
            using VcpuThread thread = Create(guest.Vcpu, new Observer());
            thread.Start();
            thread.Release();
            WaitForExits(thread, 20_000);
            thread.RequestStop();

            Assert.True(thread.Join(Deadline));
            Assert.True(thread.Statistics.GetExits(VcpuExitReason.Io) >= 20_000);
            least = Math.Min(least, thread.Statistics.AllocatedBytes);
        }

        Assert.Equal(0, least);
    }

    [KvmFact]
    public void RequestStop_BeforeRelease_EndsTheThreadWithoutAnExit()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xEB, 0xFE]);
        using VcpuThread thread = Create(guest.Vcpu, new Observer());
        thread.Start();
        thread.RequestStop();

        Assert.True(thread.Join(Deadline));
        Assert.Equal(0, thread.Statistics.GetExits(VcpuExitReason.Io));
    }

    [KvmFact]
    public void RequestStop_OfASpinningGuest_EndsIt()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xEB, 0xFE]);
        for (int i = 0; i < 100; i++)
        {
            using VcpuThread thread = Create(guest.Vcpu, new Observer());
            thread.Start();
            thread.Release();
            thread.RequestStop();

            Assert.True(thread.Join(Deadline), $"round {i}");
        }
    }

    [KvmFact]
    public void Pause_StopsTheGuestBetweenTwoExits_AndReleaseLetsItGoOn()
    {
        // In each round the guest counts up and tells the port: the count and the exits stay together.
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0x40, 0xE6, (byte)Port, 0xEB, 0xFB]);
        using VcpuThread thread = Create(guest.Vcpu, new Observer());
        thread.Start();
        thread.Release();
        for (int round = 0; round < 50; round++)
        {
            WaitForExits(thread, thread.Statistics.GetExits(VcpuExitReason.Io) + 1);
            thread.RequestPause();
            thread.RequestPause();
            Assert.True(thread.WaitStill(Deadline), $"round {round}");

            long exits = thread.Statistics.GetExits(VcpuExitReason.Io);
            ushort count = (ushort)guest.Vcpu.GetRegs().Rax;
            Assert.InRange((ushort)(count - (ushort)exits), 0, 1);
            Assert.Equal(exits, thread.Statistics.GetExits(VcpuExitReason.Io));
            Assert.NotEqual(0, thread.ThreadId);
            thread.Release();
        }

        thread.RequestStop();
        Assert.True(thread.Join(Deadline));
    }

    [KvmFact]
    public void Pause_OfASpinningGuest_StopsIt_AndStopEndsOneThatStandsStill()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xEB, 0xFE]);
        for (int round = 0; round < 50; round++)
        {
            using VcpuThread thread = Create(guest.Vcpu, new Observer());
            thread.Start();
            thread.Release();
            thread.RequestPause();
            Assert.True(thread.WaitStill(Deadline), $"round {round}");

            thread.RequestStop();
            Assert.True(thread.Join(Deadline), $"round {round}");
            thread.RequestPause();
            Assert.True(thread.WaitStill(Deadline), "a thread that has ended is waited for");
        }
    }

    [KvmFact]
    public void Device_ThatThrows_EndsTheMachineAndIsReported()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xE6, (byte)Port, 0xF4]);
        var observer = new Observer();
        using VcpuThread thread = Create(guest.Vcpu, observer, new BrokenDevice());
        thread.Start();
        thread.Release();

        Assert.True(thread.Join(Deadline));
        Assert.IsType<InvalidOperationException>(observer.Failure);
    }

    [KvmFact]
    public void TripleFault_StopsWithShutdown()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, [0x0F, 0x0B]);
        var observer = new Observer();
        using VcpuThread thread = Create(guest.Vcpu, observer);
        thread.Start();
        thread.Release();

        Assert.True(thread.Join(Deadline));
        Assert.Equal(StopReason.Shutdown, _stop.Reason);
        Assert.Equal(VcpuExitReason.Shutdown, observer.LastExit);
    }

    [KvmFact]
    public void ProcessorThatIsNeverStarted_CostsNothingAndStops()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        vm.CreateIrqChip();
        using KvmVcpu boot = vm.CreateVcpu(0);
        using KvmVcpu vcpu = vm.CreateVcpu(1);
        using VcpuThread thread = Create(vcpu, new Observer());
        thread.Start();
        thread.Release();
        Thread.Sleep(300);

        // Asleep in the kernel, or resting between runs: at most one run a millisecond after the first few.
        Assert.InRange(thread.Statistics.GetExits(VcpuExitReason.Interrupted), 0, 1000);
        thread.RequestStop();
        Assert.True(thread.Join(Deadline));
    }

    private static void WaitForExits(VcpuThread thread, long count)
    {
        Assert.True(SpinWait.SpinUntil(() => thread.Statistics.GetExits(VcpuExitReason.Io) >= count, Deadline), "the guest makes no exits");
    }

    private VcpuThread Create(KvmVcpu vcpu, Observer observer, IBusDevice? device = null)
    {
        var ports = new IoBus();
        ports.Register(Port, 1, device ?? new PostCode(), "test");
        var tracker = new SharedRegionTracker([new GpaRange(new Gpa(0), 0x4_0000)]);
        var log = new BoundedLog(Serilog.Core.Logger.None);
        var dispatcher = new ExitDispatcher(
            0,
            ports,
            new IoBus(),
            new MapGpaRangeHandler(HypercallAbi.MapGpaRange, isOffered: true, tracker, null, log),
            new MsrHandler(
                SevMode.None,
                answersMigrationControl: false,
                UnknownMsrPolicy.GeneralProtection,
                new MigrationControl(SevMode.None, tracker),
                null,
                log),
            _stop);
        return new VcpuThread(vcpu, dispatcher, observer);
    }

    private sealed class Observer : IVcpuObserver
    {
        public Exception? Failure { get; private set; }

        public VcpuExitReason? LastExit { get; private set; }

        public void OnVcpuStopped(KvmVcpu vcpu, VcpuExit exit) => LastExit = exit.Reason;

        public void OnVcpuFailed(int vcpuIndex, Exception failure) => Failure = failure;
    }

    private sealed class BrokenDevice : IBusDevice
    {
        public void Read(ulong offset, Span<byte> data) => throw new InvalidOperationException("broken on purpose");

        public void Write(ulong offset, ReadOnlySpan<byte> data) => throw new InvalidOperationException("broken on purpose");
    }
}
