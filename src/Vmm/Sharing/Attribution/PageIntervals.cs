namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>A set of frames as sorted intervals, of bounded size: a guest that scatters too widely makes it give up.</summary>
internal sealed class PageIntervals
{
    private readonly List<(ulong Start, ulong End)> _intervals = [];
    private readonly int _limit;

    /// <summary>Makes an empty set.</summary>
    /// <param name="limit">Most intervals that it keeps.</param>
    public PageIntervals(int limit)
    {
        _limit = limit;
    }

    /// <summary>Whether more intervals came than it keeps; it is empty then.</summary>
    public bool HasGivenUp { get; private set; }

    /// <summary>The intervals, half-open, sorted, without overlap.</summary>
    public IReadOnlyList<(ulong Start, ulong End)> Intervals => _intervals;

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _intervals.Clear();
        HasGivenUp = false;
    }

    /// <summary>Adds the frames from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    public void Add(ulong start, ulong end)
    {
        if (HasGivenUp)
        {
            return;
        }

        // The first interval that ends at or behind the start, and the first that begins behind the end.
        int first = FirstEndingAtOrAfter(start);
        int behind = first;
        while (behind < _intervals.Count && _intervals[behind].Start <= end)
        {
            start = Math.Min(start, _intervals[behind].Start);
            end = Math.Max(end, _intervals[behind].End);
            behind++;
        }

        if (behind > first)
        {
            _intervals[first] = (start, end);
            _intervals.RemoveRange(first + 1, behind - first - 1);
        }
        else if (_intervals.Count == _limit)
        {
            _intervals.Clear();
            HasGivenUp = true;
        }
        else
        {
            _intervals.Insert(first, (start, end));
        }
    }

    private int FirstEndingAtOrAfter(ulong frame)
    {
        int low = 0;
        int high = _intervals.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_intervals[middle].End < frame)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
