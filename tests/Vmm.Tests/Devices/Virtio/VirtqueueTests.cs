using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>What a queue does for a driver that keeps to the specification.</summary>
public sealed class VirtqueueTests
{
    private const ulong Buffer = 0x20_0000;
    private const ulong NoEventIndex = (1UL << 32) | (1UL << 33);

    [Fact]
    public void Ring_GoesRoundManyTimes()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start(size: 4);

        // Past 65,536, where the indices wrap.
        for (int i = 0; i < 70_000; i++)
        {
            Assert.Equal(8u, bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true)));
        }

        Assert.Equal(70_000, bench.Transport.CompletedChains);
    }

    [Fact]
    public void Chain_InAnIndirectTable_IsTaken()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetDescriptorAt(0x30_0000, Buffer, 8, 3, 1);
        bench.Driver.SetDescriptorAt(0x30_0010, Buffer + 0x1000, 24, 2);
        bench.Driver.SetDescriptor(0, 5, 0x30_0000, 32, 4);

        Assert.Equal(32u, bench.Driver.SendHead(0, 5));
        Assert.NotEqual(0UL, bench.Memory.Read<ulong>(new Gpa(Buffer)));
        Assert.Equal(0UL, bench.Memory.Read<ulong>(new Gpa(Buffer + 8)));
        Assert.NotEqual(0UL, bench.Memory.Read<ulong>(new Gpa(Buffer + 0x1010)));
    }

    [Fact]
    public void Chain_OfDirectDescriptorsAndThenATable_IsTaken()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetDescriptorAt(0x30_0000, Buffer + 0x1000, 24, 2);
        bench.Driver.SetDescriptor(0, 0, Buffer, 8, 3, 9);
        bench.Driver.SetDescriptor(0, 9, 0x30_0000, 16, 4);

        Assert.Equal(32u, bench.Driver.SendHead(0, 0));
    }

    [Fact]
    public void Chain_AsLongAsTheQueue_IsTaken()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start(size: 256);
        for (uint i = 0; i < 256; i++)
        {
            bench.Driver.SetDescriptor(0, i, Buffer + (i * 8), 8, (ushort)(i == 255 ? 2 : 3), (ushort)(i + 1));
        }

        Assert.Equal(2048u, bench.Driver.SendHead(0, 0));
    }

    [Fact]
    public void UsedEvent_NotReached_RaisesNoInterrupt()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetUsedEvent(0, 2);

        // The first is always told: nothing is known of what the driver saw before.
        _ = bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true));
        int first = bench.Interrupt.Pulses;
        _ = bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true));
        Assert.Equal(first, bench.Interrupt.Pulses);
        _ = bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true));
        Assert.Equal(first + 1, bench.Interrupt.Pulses);
    }

    [Fact]
    public void AvailableEvent_AsksForTheNextChain()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();

        _ = bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true));
        Assert.Equal(1, bench.Driver.ReadAvailableEvent(0));
        _ = bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true));
        Assert.Equal(2, bench.Driver.ReadAvailableEvent(0));
    }

    [Fact]
    public void NoInterruptFlag_WithoutEventIndex_IsObeyed()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start(features: NoEventIndex);
        bench.Memory.Write(new Gpa(VirtioDriver.Available(0)), (ushort)1);

        Assert.Equal(8u, bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true)));
        Assert.Equal(0, bench.Interrupt.Pulses);
        bench.Memory.Write(new Gpa(VirtioDriver.Available(0)), (ushort)0);
        Assert.Equal(8u, bench.Driver.Send(0, new DriverBuffer(Buffer, 8, true)));
        Assert.Equal(1, bench.Interrupt.Pulses);
        Assert.Equal(0, bench.Memory.Read<ushort>(new Gpa(VirtioDriver.Used(0))));
    }

    [Fact]
    public void Requests_InSteadyState_AllocateNothing()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(), isEncrypted: true);
        bench.Share(0x10_0000, 0x70_0000);
        bench.Driver.Start();

        Assert.Equal(0, Allocations.InBestRound(() => Send(bench, 5000)));

        static void Send(VirtioBench bench, int count)
        {
            for (int i = 0; i < count; i++)
            {
                bench.Memory.Write(new Gpa(Buffer), (uint)(i & 1));
                bench.Memory.Write(new Gpa(Buffer + 8), (ulong)(i & 1023));
                bool isRead = (i & 1) == 0;
                uint? written = bench.Driver.Send(
                    0,
                    new DriverBuffer(Buffer, 16, false),
                    new DriverBuffer(Buffer + 0x1000, 512, isRead),
                    new DriverBuffer(Buffer + 0x2000, 1, true));
                if (written != (isRead ? 513u : 1u))
                {
                    throw new InvalidOperationException($"request {i} was answered with {written}");
                }
            }
        }
    }
}
