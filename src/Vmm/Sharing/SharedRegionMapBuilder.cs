using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Makes a map of the runs that a file lists, one by one, and says which field of which run is wrong.</summary>
internal sealed class SharedRegionMapBuilder
{
    private readonly PackedPageStates _states = new();
    private readonly List<GpaRange> _covered = [];
    private readonly List<LabelledRange> _labels = [];
    private readonly HashSet<RangeLabel> _knownLabels = [];
    private ulong _end;
    private ulong _stateStart;
    private ulong _coveredStart;
    private PageState _state;
    private RangeLabel? _label;
    private ulong _privatePages;
    private ulong _sharedPages;
    private ulong _unreportedPages;

    /// <summary>Runs added so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds the next run.</summary>
    /// <param name="start">First address.</param>
    /// <param name="end">First address behind it.</param>
    /// <param name="state">Its state.</param>
    /// <param name="label">What it is used for.</param>
    /// <param name="field">When the result is not null: the field at fault.</param>
    /// <returns>What is wrong, one clause, or null.</returns>
    public string? Add(ulong start, ulong end, PageState state, RangeLabel? label, out string field)
    {
        field = "start";
        if (!GuestPage.IsAligned(start))
        {
            return "is not a multiple of 4096";
        }

        if (Count > 0 && start < _end)
        {
            return $"lies below the end of the run before, {MapWords.Hex(_end)}";
        }

        field = "end";
        if (!GuestPage.IsAligned(end) || end > 1UL << RamRanges.AddressBits)
        {
            return "is not a multiple of 4096 up to 2^52";
        }

        if (end <= start)
        {
            return "does not lie above the start";
        }

        bool touches = Count > 0 && start == _end;
        if (touches && state == _state && label == _label)
        {
            field = "state";
            return "the run goes on from the one before with the same state and label, so the two are one";
        }

        if (Count == int.MaxValue)
        {
            return "more runs than can be read";
        }

        if (!touches)
        {
            CloseCovered();
            if (start > _end)
            {
                _states.Add((start - _end) >> GuestPage.Shift, PackedPageStates.Hole);
            }

            _coveredStart = start;
        }
        else if (state != _state)
        {
            CloseState();
        }

        if (!touches || state != _state)
        {
            _stateStart = start;
        }

        if (label is not null)
        {
            AddLabel(GpaRange.FromBounds(start, end), label, touches);
        }

        CountPages(state, (end - start) >> GuestPage.Shift);
        (_end, _state, _label) = (end, state, label);
        Count++;
        return null;
    }

    /// <summary>
    /// Makes a label, the same object for the same words, so that a file of millions of labelled runs does not hold millions of texts.
    /// </summary>
    /// <param name="text">Words that <see cref="RangeLabel.FindProblem"/> finds nothing wrong with.</param>
    /// <param name="certainty">How sure it is.</param>
    public RangeLabel Label(string text, LabelCertainty certainty)
    {
        RangeLabel label = new(text, certainty);
        if (!_knownLabels.TryGetValue(label, out RangeLabel? known))
        {
            _ = _knownLabels.Add(label);
            known = label;
        }

        return known;
    }

    /// <summary>Makes the map.</summary>
    /// <param name="header">What the file says beside the runs.</param>
    /// <param name="runsField">What the file calls its runs.</param>
    /// <param name="source">The file.</param>
    /// <exception cref="InvalidInputException">The runs do not cover RAM exactly, or the totals are not theirs.</exception>
    public SharedRegionMap Build(SharedRegionMapHeader header, string runsField, string source)
    {
        CloseCovered();
        for (int i = 0; i < header.Ram.Ranges.Count; i++)
        {
            if (i >= _covered.Count || _covered[i] != header.Ram.Ranges[i])
            {
                throw new InvalidInputException(source, runsField, $"do not cover the RAM {header.Ram.Ranges[i]} exactly");
            }
        }

        if (_covered.Count != header.Ram.Ranges.Count)
        {
            throw new InvalidInputException(source, runsField, "go on where there is no RAM");
        }

        header.CheckTotals(new PageTotals(_privatePages, _sharedPages, _unreportedPages), runsField, source);
        return new SharedRegionMap(header.Info, header.Ram, _states, header.Totals, [.. _labels]);
    }

    private void CloseState() => _states.Add((_end - _stateStart) >> GuestPage.Shift, (int)_state);

    // What the runs cover without a gap; one piece more than RAM can have is enough to know that they are too many.
    private void CloseCovered()
    {
        if (Count == 0)
        {
            return;
        }

        CloseState();
        if (_covered.Count <= MapWords.MaximumRamRanges)
        {
            _covered.Add(GpaRange.FromBounds(_coveredStart, _end));
        }
    }

    private void AddLabel(GpaRange range, RangeLabel label, bool touches)
    {
        if (touches && _label == label)
        {
            GpaRange last = _labels[^1].Range;
            _labels[^1] = new LabelledRange(new GpaRange(last.Start, last.Length + range.Length), label);
        }
        else
        {
            _labels.Add(new LabelledRange(range, label));
        }
    }

    private void CountPages(PageState state, ulong pages)
    {
        _privatePages += state == PageState.Private ? pages : 0;
        _sharedPages += state == PageState.Shared ? pages : 0;
        _unreportedPages += state == PageState.Unreported ? pages : 0;
    }
}
