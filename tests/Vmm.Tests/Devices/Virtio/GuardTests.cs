using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>No device touches a page that the guest has not shared.</summary>
public sealed class GuardTests
{
    private const ulong Buffer = 0x20_0000;

    private static VirtioBench Start()
    {
        var bench = new VirtioBench(new VirtioRng("rng"), isEncrypted: true);
        bench.Share(0x10_0000, 0x20_0000);
        bench.Driver.Start();
        return bench;
    }

    private static string AssertViolation(VirtioBench bench)
    {
        Assert.Equal(VirtioStatus.NeedsReset, bench.Driver.Status & VirtioStatus.NeedsReset);
        Assert.Equal(1, bench.Device.Statistics.GuardViolations);
        return Assert.Single(bench.LogLines);
    }

    [Fact]
    public void Buffer_ThatIsShared_IsUsed()
    {
        using VirtioBench bench = Start();

        Assert.Equal(64u, bench.Driver.Send(0, new DriverBuffer(Buffer, 64, true)));
        Assert.Equal(0, bench.Device.Statistics.GuardViolations);
    }

    [Fact]
    public void Buffer_ThatWasMadePrivate_IsRefused_WithTheCallThatDidIt()
    {
        using VirtioBench bench = Start();
        bench.MakePrivate(Buffer, 0x1000);

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Buffer + 16, 64, true)));

        string line = AssertViolation(bench);
        Assert.Matches(@"^rng needs a reset: buffer of queue 0: 0x200000 is private since \d+\.\d{6} s \(call 2, vCPU 0\)$", line);
        Assert.False(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), 4096).ContainsAnyExcept((byte)0), "the private page was written to");
    }

    [Fact]
    public void Buffer_ThatWasNeverReported_IsRefused()
    {
        using VirtioBench bench = Start();

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(0x40_0000, 64, true)));

        Assert.Contains("0x400000 was never reported as shared", AssertViolation(bench), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xFF0u)]
    [InlineData(0x5000u)]
    public void Buffer_OfWhichOnePageIsPrivate_IsRefusedWhole(uint lead)
    {
        using VirtioBench bench = Start();
        bench.MakePrivate(Buffer + 0x8000, 0x1000);

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Buffer + 0x8000 - lead, lead + 1, true)));

        Assert.Contains("0x208000", AssertViolation(bench), StringComparison.Ordinal);
        Assert.False(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), 0x9000).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Buffer_UpToAPrivatePage_IsUsed()
    {
        using VirtioBench bench = Start();
        bench.MakePrivate(Buffer + 0x1000, 0x1000);

        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer + 0xFF0, 16, true)));
    }

    [Theory]
    [InlineData(0, "descriptor table")]
    [InlineData(1, "available ring")]
    [InlineData(2, "used ring")]
    public void Ring_MadePrivateWhileRunning_IsRefused(int ring, string expected)
    {
        using VirtioBench bench = Start();
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
        bench.MakePrivate(VirtioDriver.Descriptors(0) + (0x2000 * (ulong)ring), 0x1000);

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));

        Assert.Contains(expected, AssertViolation(bench), StringComparison.Ordinal);
    }

    [Fact]
    public void Ring_InPrivateMemory_CannotBeEnabled()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"), isEncrypted: true);
        Assert.True(bench.Driver.Negotiate());

        bench.Driver.PlaceQueue(0, 16, VirtioDriver.Descriptors(0), VirtioDriver.Available(0), VirtioDriver.Used(0));

        Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
        _ = AssertViolation(bench);
    }

    [Fact]
    public void IndirectTable_InPrivateMemory_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptorAt(0x40_0000, Buffer, 16, 2);
        bench.Driver.SetDescriptor(0, 0, 0x40_0000, 16, 4);

        Assert.Null(bench.Driver.SendHead(0, 0));

        Assert.Contains("indirect table", AssertViolation(bench), StringComparison.Ordinal);
    }

    [Fact]
    public void Buffer_MadePrivateBetweenTakingAndUsing_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);
        Virtqueue queue = bench.Transport.GetQueue(0);
        Assert.True(queue.TryPop(out DescriptorChain? chain));

        bench.MakePrivate(Buffer, 0x1000);

        Assert.False(chain.TryWrite([1, 2, 3]));
        Assert.Equal(VirtqueueError.NotShared, queue.Fault.Error);
        Assert.Equal(0, bench.Memory.Read<byte>(new Gpa(Buffer)));
    }

    [Fact]
    public void UsedRing_MadePrivateWhileARequestRuns_IsNotWritten()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);
        Virtqueue queue = bench.Transport.GetQueue(0);
        Assert.True(queue.TryPop(out DescriptorChain? chain));
        bench.MakePrivate(VirtioDriver.Used(0), 0x1000);

        queue.AddUsed(chain.Head, 16);

        Assert.Equal(0, bench.Memory.Read<ushort>(new Gpa(VirtioDriver.Used(0) + 2)));
        Assert.Equal(VirtqueuePart.UsedRing, queue.Fault.Part);
    }

    [Fact]
    public void Disk_PointedAtPrivateMemory_NeitherReadsNorWritesIt()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(), isEncrypted: true);
        bench.Share(0x10_0000, 0x20_0000);
        bench.Memory.GetSpan(new Gpa(0x40_0000), 512).Fill(0x5E);
        bench.Driver.Start();
        bench.Memory.Write(new Gpa(Buffer), 1u); // write sector 0

        Assert.Null(bench.Driver.Send(
            0, new DriverBuffer(Buffer, 16, false), new DriverBuffer(0x40_0000, 512, false), new DriverBuffer(Buffer + 0x1000, 1, true)));

        _ = AssertViolation(bench);
        Assert.False(File.ReadAllBytes(disk.Path).AsSpan().Contains((byte)0x5E), "a private page went to the disk");
    }

    [Fact]
    public void Tracker_IsShared_AgreesWithOnePageAfterTheOther()
    {
        int seed = Seeds.Next();
        var random = new Random(seed);
        GpaRange ram = new(default, 16UL << 20);
        var tracker = new SharedRegionTracker([ram]);
        for (int i = 0; i < 3000; i++)
        {
            GpaRange set = Pick(random, ram, 0x1000);
            _ = tracker.Set(set, (PageState)random.Next(3));
            GpaRange asked = Pick(random, ram, 1);
            Gpa? expected = null;
            for (ulong page = asked.Start.Value & ~0xFFFUL; page < asked.End.Value && expected is null; page += 0x1000)
            {
                expected = tracker.Get(new Gpa(page)) == PageState.Shared ? null : new Gpa(page);
            }

            bool isShared = tracker.IsShared(asked, out Gpa first, out PageState state);

            Assert.Equal(expected is null, isShared);
            Assert.True(isShared || (first == expected && state == tracker.Get(first)), $"seed {seed}, {asked}: {first}, not {expected}");
        }
    }

    [Fact]
    public void Tracker_FindsTheLatestCallThatNamedAPage()
    {
        var tracker = new SharedRegionTracker([new GpaRange(default, 16UL << 20)], new SharedRegionTrackerOptions { JournalCapacity = 3 });
        _ = tracker.Set(new GpaRange(default, 0x10_0000), PageState.Private, 1);
        _ = tracker.Set(new GpaRange(new Gpa(0x1000), 0x1000), PageState.Shared, 2);

        Assert.True(tracker.TryFindLatest(new Gpa(0x1FFF), out ConversionRecord shared));
        Assert.Equal((2UL, 2, PageState.Shared), (shared.Generation, shared.Vcpu, shared.State));
        Assert.True(tracker.TryFindLatest(new Gpa(0x2000), out ConversionRecord isPrivate));
        Assert.Equal(1UL, isPrivate.Generation);
        Assert.False(tracker.TryFindLatest(new Gpa(0x10_0000), out _));
        for (int i = 0; i < 3; i++)
        {
            _ = tracker.Set(new GpaRange(new Gpa(0x20_0000), 0x1000), PageState.Shared);
        }

        Assert.False(tracker.TryFindLatest(new Gpa(0x2000), out _));
    }

    private static GpaRange Pick(Random random, GpaRange ram, ulong unit)
    {
        ulong units = ram.Length / unit;
        ulong start = (ulong)random.NextInt64((long)units);
        ulong most = random.Next(3) == 0 ? units - start : Math.Min(units - start, Math.Max(1, 0x4000 / unit));
        return new GpaRange(new Gpa(start * unit), ((ulong)random.NextInt64((long)most) + 1) * unit);
    }
}
