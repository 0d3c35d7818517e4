using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Which page of a guest's RAM was private, shared or unreported at one moment. Immutable.</summary>
/// <remarks>A map that a tracker made holds the tracker's tree of that moment, not a list: runs are found while they are
/// enumerated.</remarks>
public sealed class SharedRegionMap
{
    private readonly SharedRegionMapInfo _info;
    private readonly RamRanges _ram;
    private readonly PageStates _states;
    private readonly LabelledRange[] _labels;

    /// <summary>Makes a map.</summary>
    /// <param name="info">What the map says beside its pages.</param>
    /// <param name="ram">The guest's RAM.</param>
    /// <param name="states">State of every page of RAM.</param>
    /// <param name="totals">Pages by state.</param>
    /// <param name="labels">Sorted, inside RAM, without overlap; neighbours that touch differ.</param>
    /// <exception cref="ArgumentException">Mode or C-bit is none.</exception>
    internal SharedRegionMap(SharedRegionMapInfo info, RamRanges ram, PageStates states, PageTotals totals, LabelledRange[] labels)
    {
        info.Check();
        _info = info;
        _ram = ram;
        _states = states;
        _labels = labels;
        Totals = totals;
    }

    /// <summary>What protects the guest's memory: <c>none</c>, <c>simulated</c>, <c>sev</c>, <c>sev-es</c> or <c>sev-snp</c>.</summary>
    public string Mode => _info.Mode;

    /// <summary>C-bit position, or null where there is none.</summary>
    public int? CBit => _info.CBit;

    /// <summary>The guest's memory as configured, in bytes.</summary>
    public ulong MemoryBytes => _info.MemoryBytes;

    /// <summary>Calls that the monitor had accepted.</summary>
    public ulong Generation => _info.Generation;

    /// <summary>When the map was taken, in UTC, to 100 ns.</summary>
    public DateTimeOffset CapturedAt => _info.CapturedAt;

    /// <summary>Whether the guest had said that it is ready to migrate (MSR_KVM_MIGRATION_CONTROL).</summary>
    public bool MigrationReady => _info.MigrationReady;

    /// <summary>The guest's RAM, sorted, with a hole between any two ranges.</summary>
    public IReadOnlyList<GpaRange> Ram => _ram.Ranges;

    /// <summary>Pages of RAM by state.</summary>
    public PageTotals Totals { get; }

    /// <summary>What ranges are used for, sorted and without overlap; neighbours that touch differ.</summary>
    public IReadOnlyList<LabelledRange> Labels => _labels;

    /// <summary>The state of the page at <paramref name="gpa"/>, or null outside RAM.</summary>
    public PageState? StateAt(Gpa gpa) => _ram.Contains(gpa) ? _states.Get(gpa.Value >> GuestPage.Shift) : null;

    /// <summary>What the page at <paramref name="gpa"/> is used for, or null where nothing is known.</summary>
    public RangeLabel? LabelAt(Gpa gpa)
    {
        int low = 0;
        int high = _labels.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_labels[middle].Range.End <= gpa)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _labels.Length && _labels[low].Range.Contains(gpa) ? _labels[low].Label : null;
    }

    /// <summary>The same map with labels; they replace those that it had.</summary>
    /// <param name="labels">Whole pages, each range inside one range of RAM, sorted, without overlap.</param>
    /// <exception cref="ArgumentException">A range breaks one of these rules.</exception>
    public SharedRegionMap WithLabels(IEnumerable<LabelledRange> labels)
    {
        List<LabelledRange> merged = [];
        foreach (LabelledRange label in labels)
        {
            if (label.Range.IsEmpty || !label.Range.IsPageAligned || !_ram.Contains(label.Range))
            {
                throw new ArgumentException($"{label.Range} is not whole pages of RAM", nameof(labels));
            }

            if (merged.Count > 0 && label.Range.Start < merged[^1].Range.End)
            {
                throw new ArgumentException($"{label.Range} overlaps {merged[^1].Range} or is not sorted", nameof(labels));
            }

            if (merged.Count > 0 && label.Range.Start == merged[^1].Range.End && label.Label == merged[^1].Label)
            {
                merged[^1] = label with { Range = new GpaRange(merged[^1].Range.Start, merged[^1].Range.Length + label.Range.Length) };
            }
            else
            {
                merged.Add(label);
            }
        }

        return new SharedRegionMap(_info, _ram, _states, Totals, [.. merged]);
    }

    /// <summary>
    /// All of RAM as maximal runs, sorted; unreported runs are among them. A run ends where state or label change and where RAM ends.
    /// </summary>
    public IEnumerable<SharedRegionRun> EnumerateRuns()
    {
        PageRunCursor cursor = _states.OpenCursor();
        int next = 0;
        foreach (GpaRange ram in _ram.Ranges)
        {
            ulong end = ram.End.Value >> GuestPage.Shift;
            ulong frame = ram.Start.Value >> GuestPage.Shift;
            while (frame < end)
            {
                // Labels before this frame are done with; the next one covers it, or ends the run where it starts.
                while (next < _labels.Length && _labels[next].Range.End.Value >> GuestPage.Shift <= frame)
                {
                    next++;
                }

                RangeLabel? label = null;
                ulong limit = end;
                if (next < _labels.Length)
                {
                    ulong labelStart = _labels[next].Range.Start.Value >> GuestPage.Shift;
                    label = labelStart <= frame ? _labels[next].Label : null;
                    limit = Math.Min(end, labelStart <= frame ? _labels[next].Range.End.Value >> GuestPage.Shift : labelStart);
                }

                ulong runEnd = cursor.FindRunEnd(frame, limit, out PageState state);
                yield return new SharedRegionRun(Frames(frame, runEnd), state, label);
                frame = runEnd;
            }
        }
    }

    /// <summary>Where two maps differ, in maximal ranges, sorted. Labels are not compared.</summary>
    /// <param name="before">The first map.</param>
    /// <param name="after">The second map; its RAM may be different RAM.</param>
    public static IEnumerable<SharedRegionChange> Diff(SharedRegionMap before, SharedRegionMap after)
    {
        Walk left = new(before);
        Walk right = new(after);
        ulong frame = 0;
        SharedRegionChange? pending = null;
        while (left.Find(frame, out PageState? old, out ulong leftEnd) | right.Find(frame, out PageState? now, out ulong rightEnd))
        {
            ulong end = Math.Min(leftEnd, rightEnd);
            if (old != now)
            {
                // A hole in one map can split what is one change: RAM ranges end where nothing else does.
                if (pending is { } last && last.Before == old && last.After == now && last.Range.End.Value >> GuestPage.Shift == frame)
                {
                    pending = last with { Range = Frames(last.Range.Start.Value >> GuestPage.Shift, end) };
                }
                else
                {
                    if (pending is { } done)
                    {
                        yield return done;
                    }

                    pending = new SharedRegionChange(Frames(frame, end), old, now);
                }
            }

            frame = end;
        }

        if (pending is { } final)
        {
            yield return final;
        }
    }

    /// <summary>The range of the frames from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    internal static GpaRange Frames(ulong start, ulong end) => GpaRange.FromBounds(start << GuestPage.Shift, end << GuestPage.Shift);

    /// <summary>Walks over one map, holes included.</summary>
    private sealed class Walk(SharedRegionMap map)
    {
        private readonly PageRunCursor _cursor = map._states.OpenCursor();
        private int _ram;

        /// <summary>Finds the state of a frame, null in a hole, and the end of its run or hole; false behind the last RAM.</summary>
        public bool Find(ulong frame, out PageState? state, out ulong end)
        {
            state = null;
            end = ulong.MaxValue;
            while (_ram < map.Ram.Count && map.Ram[_ram].End.Value >> GuestPage.Shift <= frame)
            {
                _ram++;
            }

            if (_ram == map.Ram.Count)
            {
                return false;
            }

            ulong start = map.Ram[_ram].Start.Value >> GuestPage.Shift;
            if (frame < start)
            {
                end = start;
                return true;
            }

            end = _cursor.FindRunEnd(frame, map.Ram[_ram].End.Value >> GuestPage.Shift, out PageState found);
            state = found;
            return true;
        }
    }
}
