using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Knows of every page of the guest's RAM what the guest last reported: private, shared, or nothing yet.</summary>
/// <remarks>
/// <para>Safe for any number of threads: one lock, held for some 40 ns by a call, and never while pages are walked or anything is written.
/// A call costs the same for one page as for all of RAM, and its memory is bounded by <see cref="MaximumBytes"/> whatever the guest
/// does.</para>
/// <para>A call allocates only while the pool grows to the guest's worst pattern so far, and on the first write to a 64 KiB piece of
/// the pool
/// after a snapshot.</para>
/// </remarks>
public sealed class SharedRegionTracker
{
    /// <summary>Records that one <see cref="ReadJournal"/> gives at most, so that it holds the lock for some microseconds only.</summary>
    public const int JournalBatchLimit = 1024;

    private readonly Lock _lock = new();
    private readonly RamRanges _ram;
    private readonly PageStateTree _tree;
    private readonly ConversionJournal _journal;
    private readonly SharedRegionMapInfo _info;
    private readonly TimeProvider _clock;
    private bool _migrationReady;
    private ulong _generation;

    /// <summary>Makes a tracker in which all of RAM is unreported.</summary>
    /// <param name="ram">The guest's RAM: page-aligned ranges below 2^52 in any order, without overlap. Ranges that touch count as
    /// one.</param>
    /// <param name="options">What the maps say of the guest; null takes the defaults.</param>
    /// <exception cref="ArgumentException">There is no RAM, or a range is empty, unaligned, too high or overlaps another.</exception>
    public SharedRegionTracker(IReadOnlyList<GpaRange> ram, SharedRegionTrackerOptions? options = null)
    {
        options ??= new SharedRegionTrackerOptions();
        _ram = new RamRanges(ram);
        _tree = new PageStateTree(_ram);
        _journal = new ConversionJournal(options.JournalCapacity, options.StartTimestamp);
        _clock = options.Clock;
        _info = new SharedRegionMapInfo
        {
            Mode = options.Mode,
            CBit = options.CBit,
            MemoryBytes = options.MemoryBytes ?? (_ram.PageCount << GuestPage.Shift),
            Generation = 0,
            CapturedAt = default,
            MigrationReady = false,
        };

        // A bad mode or C-bit shall fail now, not at the first snapshot.
        _info.Check();
    }

    /// <summary>The guest's RAM, sorted, with a hole between any two ranges.</summary>
    public IReadOnlyList<GpaRange> Ram => _ram.Ranges;

    /// <summary>
    /// Accepted calls so far. It counts calls, not changes: one that repeats what is known counts too. Takes no lock: who finds it
    /// unchanged may go on with what was found out before.
    /// </summary>
    public ulong Generation => Volatile.Read(ref _generation);

    /// <summary>Pages of RAM by state.</summary>
    public PageTotals Totals
    {
        get
        {
            lock (_lock)
            {
                return TotalsUnderLock();
            }
        }
    }

    /// <summary>What the guest last wrote to bit 0 of MSR_KVM_MIGRATION_CONTROL; snapshots carry it.</summary>
    public bool MigrationReady
    {
        get
        {
            lock (_lock)
            {
                return _migrationReady;
            }
        }

        set
        {
            lock (_lock)
            {
                _migrationReady = value;
            }
        }
    }

    /// <summary>Bytes that tree and journal hold now, without what only snapshots hold.</summary>
    public long AllocatedBytes
    {
        get
        {
            lock (_lock)
            {
                return _tree.AllocatedBytes + _journal.AllocatedBytes;
            }
        }
    }

    /// <summary>
    /// What <see cref="AllocatedBytes"/> never exceeds: about RAM / 15,600 and the journal. A snapshot that is held can double it.
    /// </summary>
    public long MaximumBytes => _tree.MaximumBytes + _journal.AllocatedBytes;

    /// <summary>Whether every byte of <paramref name="range"/> is RAM; to be asked first when a guest chose the range.</summary>
    public bool IsRam(GpaRange range) => _ram.Contains(range);

    /// <summary>Puts pages into a state, and counts and remembers the call as made now.</summary>
    /// <param name="range">Whole pages, not empty, all of them RAM without a hole.</param>
    /// <param name="state">The state.</param>
    /// <param name="vcpu">The vCPU that asked (0 to 32,767), or -1 for the monitor itself.</param>
    /// <returns>The generation of this call.</returns>
    /// <exception cref="ArgumentException">As the other overload.</exception>
    public ulong Set(GpaRange range, PageState state, int vcpu = -1) => Set(range, state, vcpu, Stopwatch.GetTimestamp());

    /// <summary>Puts pages into a state, and counts and remembers the call.</summary>
    /// <param name="range">Whole pages, not empty, all of them RAM without a hole.</param>
    /// <param name="state">The state.</param>
    /// <param name="vcpu">The vCPU that asked (0 to 32,767), or -1 for the monitor itself.</param>
    /// <param name="timestamp">Stopwatch ticks at which the vCPU asked. Reading the clock is a third of a call's time, so one reading
    /// can serve all.</param>
    /// <returns>The generation of this call.</returns>
    /// <exception cref="ArgumentException">The range is empty, not page aligned or not RAM, the state or the vCPU is none; nothing was
    /// changed.
    /// For a guest's values check <see cref="MapGpaRangeRequest.TryParse"/> and <see cref="IsRam"/> first.</exception>
    public ulong Set(GpaRange range, PageState state, int vcpu, long timestamp)
    {
        if (range.IsEmpty || !GuestPage.IsAligned(range.Start.Value | range.Length) || !_ram.Contains(range))
        {
            ThrowNotRam(range);
        }

        if (state > PageState.Shared || (uint)(vcpu + 1) > short.MaxValue + 1u)
        {
            ThrowNoSuchStateOrVcpu();
        }

        ulong first = range.Start.Value >> GuestPage.Shift;
        ulong count = range.PageCount;
        lock (_lock)
        {
            _tree.Set(first, first + count - 1, state);
            ulong generation = _journal.Append(first, count, state, vcpu, timestamp);
            Volatile.Write(ref _generation, generation);
            return generation;
        }
    }

    /// <summary>The state of the page at <paramref name="gpa"/>; <see cref="PageState.Unreported"/> outside RAM.</summary>
    public PageState Get(Gpa gpa)
    {
        ulong frame = gpa.Value >> GuestPage.Shift;
        if (frame >> (RamRanges.AddressBits - GuestPage.Shift) != 0)
        {
            return PageState.Unreported;
        }

        lock (_lock)
        {
            return _tree.Get(frame);
        }
    }

    /// <summary>Whether every page that a range touches is shared.</summary>
    /// <param name="range">Bytes of RAM, at any alignment; not empty.</param>
    /// <param name="first">The first page that is not shared, when the result is false.</param>
    /// <param name="state">Its state.</param>
    public bool IsShared(GpaRange range, out Gpa first, out PageState state)
    {
        ulong frame = range.Start.Value >> GuestPage.Shift;
        ulong last = (range.End.Value - 1) >> GuestPage.Shift;
        lock (_lock)
        {
            ulong other = _tree.FindOther(frame, last, PageState.Shared);
            if (other > last)
            {
                first = default;
                state = PageState.Shared;
                return true;
            }

            first = new Gpa(other << GuestPage.Shift);
            state = _tree.Get(other);
            return false;
        }
    }

    /// <summary>Finds the latest call that named a page. It walks the journal under the lock: for messages, not for each access.</summary>
    /// <param name="gpa">The page.</param>
    /// <param name="record">The call, when the result is true.</param>
    /// <returns>False when no call named it, or the journal has forgotten it.</returns>
    public bool TryFindLatest(Gpa gpa, out ConversionRecord record)
    {
        lock (_lock)
        {
            return _journal.TryFindLatest(gpa.Value >> GuestPage.Shift, out record);
        }
    }

    /// <summary>
    /// Copies accepted calls that are newer than a generation, oldest first, at most <see cref="JournalBatchLimit"/> of them.
    /// </summary>
    /// <param name="sinceGeneration">The last generation that the caller has; 0 for none. Go on with that of the last record
    /// copied.</param>
    /// <param name="records">Where to; not empty.</param>
    /// <returns>How many were copied, and how many were lost because the caller came too late.</returns>
    public JournalBatch ReadJournal(ulong sinceGeneration, Span<ConversionRecord> records)
    {
        lock (_lock)
        {
            return _journal.Read(sinceGeneration, records, JournalBatchLimit);
        }
    }

    /// <summary>Everything that is known at this moment. Takes constant time, whatever the guest did.</summary>
    public SharedRegionMap Snapshot()
    {
        FrozenPageStates states;
        PageTotals totals;
        ulong generation;
        bool migrationReady;
        DateTimeOffset capturedAt;
        lock (_lock)
        {
            capturedAt = _clock.GetUtcNow();
            states = _tree.Freeze();
            totals = TotalsUnderLock();
            generation = _journal.Generation;
            migrationReady = _migrationReady;
        }

        SharedRegionMapInfo info = _info with { Generation = generation, CapturedAt = capturedAt, MigrationReady = migrationReady };
        return new SharedRegionMap(info, _ram, states, totals, []);
    }

    [DoesNotReturn]
    private static void ThrowNotRam(GpaRange range) => throw new ArgumentException($"{range} is not whole pages of RAM", nameof(range));

    [DoesNotReturn]
    private static void ThrowNoSuchStateOrVcpu() => throw new ArgumentException("there is no such state or no such vCPU");

    private PageTotals TotalsUnderLock()
    {
        (long isPrivate, long isShared) = _tree.Pages;
        return new PageTotals((ulong)isPrivate, (ulong)isShared, _ram.PageCount - (ulong)isPrivate - (ulong)isShared);
    }
}
