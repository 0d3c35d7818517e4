using System.Collections.ObjectModel;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>The guest's RAM as sorted ranges with a hole between any two; ranges that touch are one range.</summary>
internal sealed class RamRanges
{
    /// <summary>Highest number of address bits that x86 has (AMD APM volume 2, 5.1: 52), and so of the tracker.</summary>
    public const int AddressBits = 52;

    private readonly ulong[] _starts;
    private readonly ulong[] _ends;

    // Where the last address was found: most calls are about one range. Threads may overwrite each other's; any index is right to try.
    private int _lastFound;

    /// <summary>Sorts and merges <paramref name="ranges"/>.</summary>
    /// <param name="ranges">Page-aligned and not empty, in any order, without overlap.</param>
    /// <exception cref="ArgumentException">A range is empty, not page aligned, above 2^52 or overlaps another; or there is
    /// none.</exception>
    public RamRanges(IEnumerable<GpaRange> ranges)
    {
        List<GpaRange> merged = [];
        foreach (GpaRange range in ranges.OrderBy(static range => range.Start))
        {
            if (range.IsEmpty || !range.IsPageAligned || range.End.Value > 1UL << AddressBits)
            {
                throw new ArgumentException($"{range} is not a range of whole pages below 2^52", nameof(ranges));
            }

            if (merged.Count > 0 && range.Start < merged[^1].End)
            {
                throw new ArgumentException($"{range} overlaps {merged[^1]}", nameof(ranges));
            }

            if (merged.Count > 0 && range.Start == merged[^1].End)
            {
                merged[^1] = new GpaRange(merged[^1].Start, merged[^1].Length + range.Length);
            }
            else
            {
                merged.Add(range);
            }

            PageCount += range.PageCount;
        }

        if (merged.Count == 0)
        {
            throw new ArgumentException("a guest has RAM", nameof(ranges));
        }

        Ranges = merged.AsReadOnly();
        _starts = [.. merged.Select(static range => range.Start.Value)];
        _ends = [.. merged.Select(static range => range.End.Value)];
    }

    /// <summary>The ranges, sorted.</summary>
    public ReadOnlyCollection<GpaRange> Ranges { get; }

    /// <summary>4 KiB pages in all ranges.</summary>
    public ulong PageCount { get; }

    /// <summary>Whether every byte of <paramref name="range"/> is RAM. An empty range is RAM where its start is.</summary>
    public bool Contains(GpaRange range)
    {
        int index = IndexOf(range.Start.Value);
        return index >= 0 && range.End.Value <= _ends[index];
    }

    /// <summary>Whether <paramref name="gpa"/> is RAM.</summary>
    public bool Contains(Gpa gpa) => IndexOf(gpa.Value) >= 0;

    /// <summary>How many aligned blocks of 2^<paramref name="frameShift"/> frames hold at least one page of RAM.</summary>
    /// <param name="frameShift">Size of a block, as the logarithm of its frame count.</param>
    public ulong CountBlocks(int frameShift)
    {
        int shift = GuestPage.Shift + frameShift;
        ulong count = 0;
        ulong next = 0;
        for (int i = 0; i < _starts.Length; i++)
        {
            ulong first = Math.Max(next, _starts[i] >> shift);
            ulong behind = ((_ends[i] - 1) >> shift) + 1;
            count += behind > first ? behind - first : 0;
            next = behind;
        }

        return count;
    }

    private int IndexOf(ulong address)
    {
        int last = _lastFound;
        if (address >= _starts[last] && address < _ends[last])
        {
            return last;
        }

        int low = 0;
        int high = _starts.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (address < _starts[middle])
            {
                high = middle - 1;
            }
            else if (address >= _ends[middle])
            {
                low = middle + 1;
            }
            else
            {
                _lastFound = middle;
                return middle;
            }
        }

        return -1;
    }
}
