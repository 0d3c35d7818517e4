using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;
using Target = KvmSevVmm.Vmm.Tests.Devices.Virtio.HostileTarget;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>
/// Each lie that a driver can tell, to each queue of each device: one documented answer, counted; nothing written that is not the device's
/// to write, nothing kept, and after a reset the device works.
/// </summary>
[Collection(AloneGroup.Name)]
public sealed class HostileDeviceTests
{
    private const int Repetitions = 100;

    // A line of the log now and then, and the test's own few objects; far less than a buffer, a chain or a connection for each attack.
    private const long MostAllocatedPerAttack = 1024;

    private static readonly Dictionary<string, Attack> Attacks = new()
    {
        ["index: one more than the ring has"] = new("offers more chains", false, static t => t.Driver.SetAvailableIndex(t.Queue, 17)),
        ["index: behind"] = new("offers more chains", false, static t => t.Driver.SetAvailableIndex(t.Queue, 0xFFFF)),
        ["index: half way round"] = new("offers more chains", false, static t => t.Driver.SetAvailableIndex(t.Queue, 0x8000)),
        ["head: beyond the table"] = new("names a descriptor beyond its table", false, static t => t.Driver.Offer(t.Queue, 16)),
        ["head: far beyond the table"] = new("names a descriptor beyond its table", false, static t => t.Driver.Offer(t.Queue, 0xFFFF)),
        ["next: beyond the table"] = new("names a descriptor beyond its table", false, static t => Link(t, 1, 16)),
        ["loop: onto itself"] = new("or a loop", false, static t => Link(t, 1, 0)),
        ["loop: of eight"] = new("or a loop", false, static t => Link(t, 8, 0)),
        ["chain: longer than the queue, by a table"] = new("has more buffers than the queue", false, static t =>
        {
            for (uint i = 0; i < 10; i++)
            {
                t.Driver.SetDescriptor(t.Queue, i, Target.Buffer, 16, Flags(t, hasNext: true), (ushort)(i + 1));
                t.Driver.SetDescriptorAt(Target.Table + (16 * i), Target.Buffer, 16, Flags(t, hasNext: i < 9), (ushort)(i + 1));
            }

            t.Driver.SetDescriptor(t.Queue, 10, Target.Table, 160, 4);
            t.Driver.Offer(t.Queue, 0);
        }),
        ["table: larger than the queue"] = new("is an indirect table", false, static t => OfferTable(t, Target.Table, 16 * 17)),
        ["table: of no bytes"] = new("is an indirect table", false, static t => OfferTable(t, Target.Table, 0)),
        ["table: of 4 GiB"] = new("is an indirect table", false, static t => OfferTable(t, Target.Table, 0xFFFF_FFF0)),
        ["table: in a table"] = new("is an indirect table", false, static t =>
        {
            t.Driver.SetDescriptorAt(Target.Table, Target.Table, 16, 4);
            OfferTable(t, Target.Table, 16);
        }),
        ["table: at the end of RAM"] = new(
            "is not in one range of RAM", true, static t => OfferTable(t, GuestLayout.MmioHoleStart - 8, 16)),
        ["table: over the border at 4 GiB"] = new(
            "is not in one range of RAM", true, static t => OfferTable(t, GuestLayout.HighRamStart - 8, 16)),
        ["table: private"] = new("is private since", true, static t => OfferTable(t, Target.PrivatePages, 16)),
        ["buffer: of no bytes"] = new("is a buffer of no bytes", false, static t => OfferLast(t, Target.Buffer, 0)),
        ["buffer: of 4 GiB"] = new("is not in one range of RAM", true, static t => OfferLast(t, Target.Buffer, 0xFFFF_F000)),
        ["chain: of 4 GiB and more"] = new("makes the chain longer than 4 GiB", false, static t =>
        {
            for (uint i = 0; i < 3; i++)
            {
                t.Driver.SetDescriptor(t.Queue, i, 0x100_0000, 0x8000_0000, Flags(t, hasNext: i < 2), (ushort)(i + 1));
            }

            t.Driver.Offer(t.Queue, 0);
        }),
        ["order: to be read after to be written"] = new("comes after a buffer to be written", false, static t =>
        {
            t.Driver.SetChain(t.Queue, 0, new DriverBuffer(Target.Buffer, 64, true), new DriverBuffer(Target.Buffer, 64, false));
            t.Driver.Offer(t.Queue, 0);
        }),
        ["buffer: over the end of RAM"] = Outside(GuestLayout.MmioHoleStart - 8),
        ["buffer: at the end of RAM"] = Outside(GuestLayout.MmioHoleStart),
        ["buffer: in the hole"] = Outside(GuestLayout.DeviceWindowsStart),
        ["buffer: the local APIC"] = Outside(GuestLayout.LocalApicAddress),
        ["buffer: over the start of firmware"] = Outside(Target.FirmwareStart - 8),
        ["buffer: over the border at 4 GiB"] = Outside(GuestLayout.HighRamStart - 8),
        ["buffer: over the end of high RAM"] = Outside(Target.RamEnd - 8),
        ["buffer: behind high RAM"] = Outside(Target.RamEnd),
        ["buffer: with a C-bit"] = Outside((1UL << 39) + Target.Buffer),
        ["buffer: round the address space"] = Outside(ulong.MaxValue - 7),
        ["buffer: private"] = new("is private since", true, static t => OfferLast(t, Target.PrivatePages, 16)),
        ["buffer: its last byte private"] = new("is private since", true, static t => OfferLast(t, Target.PrivatePages - 15, 16)),
        ["buffer: never reported"] = new("was never reported", true, static t => OfferLast(t, Target.UnreportedPages, 16)),
    };

    private static readonly Dictionary<string, RingAttack> RingAttacks = new()
    {
        ["size: 0"] = new("no power of two", false, static q => new(0, q, q + 0x2000, q + 0x4000)),
        ["size: no power of two"] = new("no power of two", false, static q => new(12, q, q + 0x2000, q + 0x4000)),
        ["size: too large"] = new("or too large", false, static q => new(512, q, q + 0x2000, q + 0x4000)),
        ["size: 4 Gi"] = new("no power of two", false, static q => new(uint.MaxValue, q, q + 0x2000, q + 0x4000)),
        ["table: misaligned"] = new("is not aligned", false, static q => new(16, q + 8, q + 0x2000, q + 0x4000)),
        ["available: misaligned"] = new("is not aligned", false, static q => new(16, q, q + 0x2001, q + 0x4000)),
        ["used: misaligned"] = new("is not aligned", false, static q => new(16, q, q + 0x2000, q + 0x4002)),
        ["all at one place"] = new("overlaps another ring", false, static q => new(16, q, q, q)),
        ["available over the table"] = new("overlaps another ring", false, static q => new(16, q, q + 0xF0, q + 0x4000)),
        ["used over the table"] = new("overlaps another ring", false, static q => new(16, q, q + 0x2000, q + 0x80)),
        ["used over available"] = new("overlaps another ring", false, static q => new(16, q, q + 0x2000, q + 0x2020)),
        ["table over the end of RAM"] = new(
            "is not in one range of RAM", true, static q => new(16, GuestLayout.MmioHoleStart - 16, q + 0x2000, q + 0x4000)),
        ["available over the start of firmware"] = new(
            "is not in one range of RAM", true, static q => new(16, q, Target.FirmwareStart - 2, q + 0x4000)),
        ["used over the border at 4 GiB"] = new(
            "is not in one range of RAM", true, static q => new(16, q, q + 0x2000, GuestLayout.HighRamStart - 8)),
        ["used in the hole"] = new(
            "is not in one range of RAM", true, static q => new(16, q, q + 0x2000, GuestLayout.DeviceWindowsStart)),
        ["table behind RAM"] = new("is not in one range of RAM", true, static q => new(16, Target.RamEnd, q + 0x2000, q + 0x4000)),
        ["used round the address space"] = new(
            "is not in one range of RAM", true, static q => new(16, q, q + 0x2000, ulong.MaxValue - 0xF)),
        ["table private"] = new("is private since", true, static q => new(16, Target.PrivatePages, q + 0x2000, q + 0x4000)),
        ["available private"] = new("is private since", true, static q => new(16, q, Target.PrivatePages, q + 0x4000)),
        ["used private"] = new("is private since", true, static q => new(16, q, q + 0x2000, Target.PrivatePages)),
        ["used never reported"] = new("was never reported", true, static q => new(16, q, q + 0x2000, Target.UnreportedPages)),
    };

    public static TheoryData<string, string> Requests() => Combine(Attacks.Keys);

    public static TheoryData<string, string> Rings() => Combine(RingAttacks.Keys);

    public static TheoryData<string> Targets() => [.. Target.Names];

    [Theory]
    [MemberData(nameof(Requests))]
    public void Request_ThatLies_IsRefused(string device, string attack)
    {
        using Target target = Target.Create(device);
        (string expected, bool isGuard, Action<Target> offer) = Attacks[attack];

        offer(target);
        target.Process();

        AssertRefused(target, expected, isGuard);
        Assert.Equal(2u, target.Driver.Read(Register.InterruptStatus) & 2);

        // It stays refused until the reset, whatever the driver does.
        target.Driver.Write(Register.Status, 15);
        target.Driver.Write(Register.QueueSelect, (uint)target.Queue);
        target.Driver.Write(Register.QueueReady, 1);
        target.Process();
        Assert.False(target.Driver.TryTakeUsed(target.Queue, out _, out _));
        _ = Assert.Single(target.Bench.LogLines);

        target.AssertWorksAfterReset();
        long allocated = Repeat(target, () =>
        {
            target.Driver.Start(Target.QueueSize);
            offer(target);
            target.Process();
        });
        Assert.InRange(allocated, 0, Repetitions * MostAllocatedPerAttack);
        VirtioStatistics counted = target.Bench.Device.Statistics;
        Assert.Equal(1 + (2 * Repetitions), isGuard ? counted.GuardViolations : counted.ProtocolErrors);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public void Ring_ThatCannotBe_IsRefused(string device, string attack)
    {
        using Target target = Target.Create(device);
        (string expected, bool isGuard, Func<ulong, Place> choose) = RingAttacks[attack];
        Place place = choose(VirtioDriver.Descriptors(target.Queue));
        Assert.True(target.Driver.Negotiate());

        target.Driver.PlaceQueue(target.Queue, place.Size, place.Descriptors, place.Available, place.Used);

        Assert.Equal(0u, target.Driver.Read(Register.QueueReady));
        AssertRefused(target, expected, isGuard, (VirtioStatus)11);
        target.Driver.Write(Register.Status, 15);
        Assert.Equal(VirtioStatus.None, target.Driver.Status & VirtioStatus.DriverOk);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void SetUp_WhileTheDeviceIsReset_HasNoEffect(string device)
    {
        using Target target = Target.Create(device);
        target.OfferGood();

        target.Driver.Write(Register.Status, 0);
        ulong place = VirtioDriver.Descriptors(target.Queue);
        target.Driver.PlaceQueue(target.Queue, Target.QueueSize, place, place + 0x2000, place + 0x4000);
        target.Driver.Write(Register.QueueNotify, (uint)target.Queue);
        target.Process();

        Assert.Equal(0u, target.Driver.Read(Register.QueueReady));
        Assert.Equal(VirtioStatus.None, target.Driver.Status);
        Assert.False(target.Driver.TryTakeUsed(target.Queue, out _, out _));
        Assert.Equal(8, target.Bench.Device.Statistics.RefusedAccesses);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Features_ChangedAfterFeaturesOk_StayAsTheyWere(string device)
    {
        using Target target = Target.Create(device);
        target.Driver.Start(Target.QueueSize, VirtioFeatures.Version1 | VirtioFeatures.AccessPlatform);

        target.Driver.Write(Register.DriverFeaturesSelect, 0);
        target.Driver.Write(Register.DriverFeatures, uint.MaxValue);
        target.Driver.Write(Register.Status, 11);

        Assert.Equal(2, target.Bench.Device.Statistics.RefusedAccesses);
        Assert.Equal((VirtioStatus)15, target.Driver.Status);

        // Were indirect descriptors agreed on now, this chain would be taken.
        target.Driver.SetDescriptorAt(Target.Table, Target.Buffer, 4096, Flags(target, hasNext: false));
        OfferTable(target, Target.Table, 16);
        target.Process();
        AssertRefused(target, "is an indirect table", isGuard: false);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void EveryRegister_AtEverySizeAndPlace_IsAnsweredAndHarmsNothing(string device)
    {
        using Target target = Target.Create(device);
        byte[] data = new byte[8];
        foreach (byte value in (byte[])[0x00, 0x01, 0x80, 0xFF])
        {
            for (ulong offset = 0; offset < VirtioMmioTransport.WindowLength; offset++)
            {
                for (int size = 1; size <= 8; size++)
                {
                    data.AsSpan().Fill(0xA5);
                    target.Bench.Transport.Read(offset, data.AsSpan(0, size));
                    Assert.False(data.AsSpan(size).ContainsAnyExcept((byte)0xA5));
                    data.AsSpan().Fill(value);
                    target.Bench.Transport.Write(offset, data.AsSpan(0, size));
                }
            }

            target.AssertWorksAfterReset();
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Queue_OverAnotherOne_HarmsTheGuestAlone(string device)
    {
        using Target target = Target.Create(device);
        Assert.True(target.Driver.Negotiate());
        for (int queue = 0; queue < target.Bench.Device.QueueCount; queue++)
        {
            ulong place = VirtioDriver.Descriptors(target.Queue);
            target.Driver.PlaceQueue(queue, Target.QueueSize, place, place + 0x2000, place + 0x4000);
        }

        target.Driver.Write(Register.Status, 15);
        for (int i = 0; i < 100; i++)
        {
            target.OfferGood();
            for (int queue = 0; queue < target.Bench.Device.QueueCount; queue++)
            {
                target.Bench.Transport.ProcessQueue(queue);
            }

            target.Process();
        }

        Assert.True(target.IsMemoryIntact);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Buffer_OverItsOwnRings_HarmsTheGuestAlone(string device)
    {
        using Target target = Target.Create(device);
        foreach (ulong place in (ulong[])[0, 0x2000, 0x4000])
        {
            target.Driver.Start(Target.QueueSize);
            OfferLast(target, VirtioDriver.Descriptors(target.Queue) + place, 64);
            target.Process();
            target.Process();
            Assert.True(target.IsMemoryIntact);
            target.AssertWorksAfterReset();
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void NotificationFlood_CostsNoMemory(string device)
    {
        using Target target = Target.Create(device);
        target.Bench.StartLoop();
        target.OfferGood();
        target.Process();
        Flood(target, 10_000);

        // Whatever else the process does allocates now and then; what a notification costs is there in each round.
        long least = long.MaxValue;
        for (int round = 0; round < Allocations.Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Flood(target, 50_000);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.InRange(least, 0, 32 << 10);
        Assert.Empty(target.Bench.LogLines);
        target.AssertWorksAfterReset();
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void ResetsAndQueuesTurnedOffAndOn_WhileTheDeviceWorks_LeaveItWorking(string device)
    {
        using Target target = Target.Create(device);
        target.Bench.StartLoop();
        for (int i = 0; i < 300; i++)
        {
            target.OfferGood();
            target.Bench.Transport.GetKick(target.Queue).Signal();
            target.Driver.Write(Register.QueueSelect, (uint)target.Queue);
            target.Driver.Write(Register.QueueReady, 0);
            if (i % 3 == 0)
            {
                target.Driver.Write(Register.Status, 0);
                target.Driver.Write(Register.QueueReady, 1);
                target.Driver.Write(Register.QueueNotify, (uint)target.Queue);
                target.Driver.Start(Target.QueueSize);
            }
            else
            {
                target.Driver.SetUpQueue(target.Queue, i % 3 == 1 ? 4u : Target.QueueSize);
            }

            Assert.Equal((VirtioStatus)15, target.Driver.Status);
        }

        Assert.Empty(target.Bench.LogLines);
        target.AssertWorksAfterReset();
    }

    private static TheoryData<string, string> Combine(IEnumerable<string> attacks)
    {
        var rows = new TheoryData<string, string>();
        foreach (string attack in attacks)
        {
            foreach (string device in Target.Names)
            {
                rows.Add(device, attack);
            }
        }

        return rows;
    }

    private static void AssertRefused(Target target, string expected, bool isGuard, VirtioStatus before = (VirtioStatus)15)
    {
        Assert.Equal(before | VirtioStatus.NeedsReset, target.Driver.Status);
        string line = Assert.Single(target.Bench.LogLines);
        Assert.Contains($" of queue {target.Queue}: 0x", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.Equal(isGuard ? 1 : 0, target.Bench.Device.Statistics.GuardViolations);
        Assert.Equal(isGuard ? 0 : 1, target.Bench.Device.Statistics.ProtocolErrors);
        Assert.False(target.Driver.TryTakeUsed(target.Queue, out _, out _), "a lie was answered");
        Assert.True(target.IsMemoryIntact, "a byte was written that is not the device's to write");
    }

    private static long Repeat(Target target, Action attack)
    {
        // The first ones use up what the log may write for now.
        for (int i = 0; i < Repetitions; i++)
        {
            attack();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Repetitions; i++)
        {
            attack();
        }

        Assert.True(target.IsMemoryIntact);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Flood(Target target, int count)
    {
        for (int i = 0; i < count; i++)
        {
            target.Bench.Transport.GetKick(target.Queue).Signal();
        }
    }

    private static ushort Flags(Target target, bool hasNext) => (ushort)((target.Good[^1].IsWritable ? 2 : 0) | (hasNext ? 1 : 0));

    /// <summary>So many descriptors, one after the other, and the last goes on at <paramref name="last"/>.</summary>
    private static void Link(Target target, int count, ushort last)
    {
        for (int i = 0; i < count; i++)
        {
            ushort next = i == count - 1 ? last : (ushort)(i + 1);
            target.Driver.SetDescriptor(target.Queue, (uint)i, Target.Buffer, 16, Flags(target, hasNext: true), next);
        }

        target.Driver.Offer(target.Queue, 0);
    }

    private static void OfferTable(Target target, ulong address, uint length)
    {
        target.Driver.SetDescriptor(target.Queue, 0, address, length, 4);
        target.Driver.Offer(target.Queue, 0);
    }

    /// <summary>A good chain but for its last buffer.</summary>
    private static void OfferLast(Target target, ulong address, uint length)
    {
        target.Driver.SetChain(target.Queue, 0, target.Good);
        uint last = (uint)target.Good.Length - 1;
        target.Driver.SetDescriptor(target.Queue, last, address, length, Flags(target, hasNext: false));
        target.Driver.Offer(target.Queue, 0);
    }

    private static Attack Outside(ulong address) => new("is not in one range of RAM", true, target => OfferLast(target, address, 16));

    private sealed record Attack(string Expected, bool IsGuard, Action<Target> Offer);

    private sealed record RingAttack(string Expected, bool IsGuard, Func<ulong, Place> Choose);

    private readonly record struct Place(uint Size, ulong Descriptors, ulong Available, ulong Used);
}
