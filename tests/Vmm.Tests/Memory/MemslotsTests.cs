using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Memory;

public sealed class MemslotsTests
{
    private const ulong MiB = 1UL << 20;
    private const ulong GiB = 1UL << 30;
    private const ulong CBit = 1UL << 39;

    [Fact]
    public void Register_PlainMachine_OneSlotARange()
    {
        using GuestMemory memory = Create(4 * GiB, SevMode.None);
        FakeSink sink = new();

        using Memslots slots = Memslots.Register(sink, memory, SevMode.None);

        Assert.Equal(
            [
                (0u, 0u, 0UL, 3 * GiB, Host(memory, 0)),
                (1u, 0u, 4 * GiB, GiB, Host(memory, 4 * GiB)),
            ],
            sink.Calls);
        Assert.False(slots.IsDirtyLogging);
    }

    [Fact]
    public void Register_Simulated_AliasesTheSameMemoryAtTheCBit()
    {
        using GuestMemory memory = Create(4 * GiB, SevMode.Simulated);
        FakeSink sink = new();

        using Memslots slots = Memslots.Register(sink, memory, SevMode.Simulated);

        Assert.Equal(
            [
                (0u, 0u, 0UL, 3 * GiB, Host(memory, 0)),
                (1u, 0u, 4 * GiB, GiB, Host(memory, 4 * GiB)),
                (2u, 0u, CBit, 3 * GiB, Host(memory, 0)),
                (3u, 0u, CBit | (4 * GiB), GiB, Host(memory, 4 * GiB)),
            ],
            sink.Calls);
        Assert.Equal([false, false, true, true], slots.Slots.Select(slot => slot.IsAlias));
        Assert.Equal([0u, 1u, 2u, 3u], slots.Slots.Select(slot => slot.Number));
        Assert.All(
            from a in slots.Slots from b in slots.Slots where a.Number != b.Number select (a.Range, b.Range),
            pair => Assert.False(pair.Item1.Overlaps(pair.Item2)));
    }

    [Fact]
    public void Register_Hardware_HasNoAlias()
    {
        using GuestMemory memory = Create(512 * MiB, SevMode.Sev);
        FakeSink sink = new();

        using Memslots slots = Memslots.Register(sink, memory, SevMode.Sev);

        Assert.Equal([(0u, 0u, 0UL, 512 * MiB, Host(memory, 0))], sink.Calls);
    }

    [Fact]
    public void Register_SimulatedWithoutCBit_IsABugOfTheCaller()
    {
        using GuestMemory memory = Create(512 * MiB, SevMode.None);
        FakeSink sink = new();

        Assert.Throws<ArgumentException>(() => Memslots.Register(sink, memory, SevMode.Simulated));
        Assert.Empty(sink.Calls);
    }

    [Fact]
    public void Register_RefusedSlot_RemovesThoseBefore()
    {
        using GuestMemory memory = Create(4 * GiB, SevMode.Simulated);
        FakeSink sink = new() { RefusedSlot = 2 };

        IOException e = Assert.Throws<IOException>(() => Memslots.Register(sink, memory, SevMode.Simulated));

        Assert.Equal("refused", e.Message);
        Assert.Equal([(1u, 0u, 0UL, 0UL, (nuint)0), (0u, 0u, 0UL, 0UL, (nuint)0)], sink.Calls.Skip(2));
    }

    [Fact]
    public void SetDirtyLogging_SwitchesEverySlotAndNothingElse()
    {
        using GuestMemory memory = Create(4 * GiB, SevMode.Simulated);
        FakeSink sink = new();
        using Memslots slots = Memslots.Register(sink, memory, SevMode.Simulated);
        (uint Slot, uint Flags, ulong Gpa, ulong Size, nuint Host)[] registered = [.. sink.Calls];
        sink.Calls.Clear();

        slots.SetDirtyLogging(true);

        // KVM_MEM_LOG_DIRTY_PAGES is bit 0.
        Assert.Equal(registered.Select(call => call with { Flags = 1 }), sink.Calls);
        Assert.True(slots.IsDirtyLogging);
        sink.Calls.Clear();

        slots.SetDirtyLogging(false);

        Assert.Equal(registered, sink.Calls);
        Assert.False(slots.IsDirtyLogging);
    }

    [Fact]
    public void FetchDirtyLog_MergesBothHalvesOfEachRange()
    {
        const ulong Memory = (3 * GiB) + (100 * 4096);
        using GuestMemory memory = Create(Memory, SevMode.Simulated);
        FakeSink sink = new();
        using Memslots slots = Memslots.Register(sink, memory, SevMode.Simulated);
        slots.SetDirtyLogging(true);
        sink.SetDirty(0, 0, 64, 786_431);
        sink.SetDirty(2, 0, 65);
        sink.SetDirty(1, 1);
        sink.SetDirty(3, 99);

        Assert.Equal([0, 64, 65, 786_431], Fetch(slots, 0));
        Assert.Equal([1, 99], Fetch(slots, 1));
        Assert.Empty(Fetch(slots, 0));
        Assert.Empty(Fetch(slots, 1));
    }

    [Fact]
    public void FetchDirtyLog_RandomPages_AgreesWithANaiveSet()
    {
        int seed = Seeds.Next();
        Random random = new(seed);
        using GuestMemory memory = Create(16 * MiB, SevMode.Simulated);
        FakeSink sink = new();
        using Memslots slots = Memslots.Register(sink, memory, SevMode.Simulated);
        slots.SetDirtyLogging(true);
        for (int round = 0; round < 100; round++)
        {
            SortedSet<int> expected = [];
            for (int i = random.Next(200); i > 0; i--)
            {
                int page = random.Next(4096);
                sink.SetDirty((uint)random.Next(2), page);
                expected.Add(page);
            }

            Assert.True(expected.SequenceEqual(Fetch(slots, 0)), $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void FetchDirtyLog_PlainMachine_ReadsTheOneSlot()
    {
        using GuestMemory memory = Create(2 * MiB, SevMode.None);
        FakeSink sink = new();
        using Memslots slots = Memslots.Register(sink, memory, SevMode.None);
        slots.SetDirtyLogging(true);
        sink.SetDirty(0, 3, 511);

        Assert.Equal(8, slots.GetDirtyBitmapLength(0));
        Assert.Equal([3, 511], Fetch(slots, 0));
    }

    [Fact]
    public void FetchDirtyLog_WithoutLoggingOrWithAWrongLength_Throws()
    {
        using GuestMemory memory = Create((2 * MiB) + 4096, SevMode.Simulated);
        using Memslots slots = Memslots.Register(new FakeSink(), memory, SevMode.Simulated);

        Assert.Equal(9, slots.GetDirtyBitmapLength(0));
        Assert.Throws<InvalidOperationException>(() => slots.FetchDirtyLog(0, new ulong[9]));
        slots.SetDirtyLogging(true);
        Assert.Throws<ArgumentOutOfRangeException>(() => slots.FetchDirtyLog(0, new ulong[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => slots.FetchDirtyLog(0, new ulong[10]));
    }

    private static GuestMemory Create(ulong bytes, SevMode mode) => GuestMemory.Create(GuestLayout.Create(bytes, 40, mode, 39));

    private static nuint Host(GuestMemory memory, ulong gpa) => memory.GetHostAddress(new GpaRange(new Gpa(gpa), 1));

    private static List<int> Fetch(Memslots slots, int range)
    {
        ulong[] bitmap = new ulong[slots.GetDirtyBitmapLength(range)];
        Array.Fill(bitmap, ulong.MaxValue);
        slots.FetchDirtyLog(range, bitmap);
        List<int> pages = [];
        for (int page = 0; page < bitmap.Length * 64; page++)
        {
            if ((bitmap[page / 64] >> (page % 64) & 1) != 0)
            {
                pages.Add(page);
            }
        }

        return pages;
    }

    /// <summary>Records the calls and answers dirty logs as the kernel does: overwrites the buffer, then forgets.</summary>
    private sealed class FakeSink : IMemslotSink
    {
        private readonly Dictionary<uint, HashSet<int>> _dirty = [];

        internal List<(uint Slot, uint Flags, ulong Gpa, ulong Size, nuint Host)> Calls { get; } = [];

        internal uint? RefusedSlot { get; init; }

        public void SetUserMemoryRegion(uint slot, uint flags, ulong guestAddress, ulong size, nuint hostAddress)
        {
            if (slot == RefusedSlot)
            {
                throw new IOException("refused");
            }

            Calls.Add((slot, flags, guestAddress, size, hostAddress));
        }

        public void GetDirtyLog(uint slot, Span<ulong> bitmap)
        {
            bitmap.Clear();
            foreach (int page in _dirty.GetValueOrDefault(slot, []))
            {
                bitmap[page / 64] |= 1UL << (page % 64);
            }

            _dirty.Remove(slot);
        }

        internal void SetDirty(uint slot, params ReadOnlySpan<int> pages)
        {
            if (!_dirty.TryGetValue(slot, out HashSet<int>? set))
            {
                _dirty[slot] = set = [];
            }

            foreach (int page in pages)
            {
                set.Add(page);
            }
        }
    }
}
