using System.Diagnostics;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// The last accepted calls, in a ring of fixed size. Not safe for threads; <see cref="SharedRegionTracker"/> has the lock.
/// </summary>
internal sealed class ConversionJournal
{
    /// <summary>Bytes that one call takes in the ring.</summary>
    public const int EntryBytes = 24;

    private readonly Entry[] _ring;
    private readonly long _startTimestamp;
    private int _next;

    /// <summary>Makes an empty journal.</summary>
    /// <param name="capacity">Calls that it remembers, at least 1.</param>
    /// <param name="startTimestamp">Stopwatch ticks that times count from.</param>
    public ConversionJournal(int capacity, long startTimestamp)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _ring = new Entry[capacity];
        _startTimestamp = startTimestamp;
    }

    /// <summary>Calls ever appended; the generation of the latest.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Bytes of the ring.</summary>
    public long AllocatedBytes => (long)_ring.Length * EntryBytes;

    /// <summary>Remembers one call; the oldest one makes room. Allocates nothing.</summary>
    /// <returns>Its generation.</returns>
    public ulong Append(ulong firstFrame, ulong pageCount, PageState state, int vcpu, long timestamp)
    {
        _ring[_next] = new Entry(firstFrame | ((ulong)state << 40) | ((ulong)(ushort)(short)vcpu << 48), pageCount, timestamp);
        _next = _next + 1 == _ring.Length ? 0 : _next + 1;
        return ++Generation;
    }

    /// <summary>Copies the oldest records that are newer than a generation.</summary>
    /// <param name="sinceGeneration">The last generation that the caller knows; 0 for none.</param>
    /// <param name="records">Where to.</param>
    /// <param name="limit">Records to copy at most.</param>
    public JournalBatch Read(ulong sinceGeneration, Span<ConversionRecord> records, int limit)
    {
        if (sinceGeneration >= Generation)
        {
            return default;
        }

        ulong known = Math.Min(Generation, (ulong)_ring.Length);
        ulong oldest = Generation - known + 1;
        ulong first = Math.Max(oldest, sinceGeneration + 1);
        int count = (int)Math.Min((ulong)Math.Min(records.Length, limit), Generation - first + 1);
        for (int i = 0; i < count; i++)
        {
            ulong generation = first + (ulong)i;
            int age = (int)(Generation - generation) + 1;
            ref readonly Entry entry = ref _ring[_next >= age ? _next - age : _next - age + _ring.Length];
            records[i] = ToRecord(entry, generation);
        }

        return new JournalBatch(count, first - (sinceGeneration + 1));
    }

    /// <summary>Finds the latest call that named a frame, among those that are remembered.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="record">The call, when the result is true.</param>
    public bool TryFindLatest(ulong frame, out ConversionRecord record)
    {
        int known = (int)Math.Min(Generation, (ulong)_ring.Length);
        for (int age = 1; age <= known; age++)
        {
            ref readonly Entry entry = ref _ring[_next >= age ? _next - age : _next - age + _ring.Length];
            if (frame - (entry.Packed & ((1UL << 40) - 1)) < entry.PageCount)
            {
                record = ToRecord(entry, Generation - (ulong)age + 1);
                return true;
            }
        }

        record = default;
        return false;
    }

    private ConversionRecord ToRecord(in Entry entry, ulong generation) => new(
        generation,
        Stopwatch.GetElapsedTime(_startTimestamp, entry.Timestamp),
        (short)(entry.Packed >> 48),
        new GpaRange(new Gpa((entry.Packed & ((1UL << 40) - 1)) << GuestPage.Shift), entry.PageCount << GuestPage.Shift),
        (PageState)((entry.Packed >> 40) & 0xff));

    /// <summary>One call. <c>Packed</c>: first frame in bits 39:0, state in 47:40, vCPU in 63:48.</summary>
    private readonly record struct Entry(ulong Packed, ulong PageCount, long Timestamp);
}
