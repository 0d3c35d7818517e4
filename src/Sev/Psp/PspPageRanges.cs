namespace KvmSevVmm.Sev.Psp;

/// <summary>A set of guest addresses, kept as ranges that neither touch nor overlap.</summary>
internal sealed class PspPageRanges
{
    private readonly List<(ulong Start, ulong End)> _ranges = [];

    internal void Add(ulong start, ulong length)
    {
        ulong end = start + length;
        int first = _ranges.FindIndex(range => range.End >= start);
        if (first < 0)
        {
            _ranges.Add((start, end));
            return;
        }

        int after = _ranges.FindIndex(first, range => range.Start > end);
        int count = (after < 0 ? _ranges.Count : after) - first;
        if (count > 0)
        {
            start = Math.Min(start, _ranges[first].Start);
            end = Math.Max(end, _ranges[first + count - 1].End);
            _ranges.RemoveRange(first, count);
        }

        _ranges.Insert(first, (start, end));
    }

    internal void Remove(ulong start, ulong length)
    {
        ulong end = start + length;
        for (int index = _ranges.Count - 1; index >= 0; index--)
        {
            (ulong oldStart, ulong oldEnd) = _ranges[index];
            if (oldEnd <= start || oldStart >= end)
            {
                continue;
            }

            _ranges.RemoveAt(index);
            if (oldEnd > end)
            {
                _ranges.Insert(index, (end, oldEnd));
            }

            if (oldStart < start)
            {
                _ranges.Insert(index, (oldStart, start));
            }
        }
    }

    internal bool ContainsAll(ulong start, ulong length) =>
        _ranges.Exists(range => range.Start <= start && start + length <= range.End);

    internal bool Overlaps(ulong start, ulong length) => _ranges.Exists(range => range.Start < start + length && start < range.End);
}
