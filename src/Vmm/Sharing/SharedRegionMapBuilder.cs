using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Makes a map of the runs that a file lists, one by one, and says which field of which run is wrong.</summary>
internal sealed class SharedRegionMapBuilder
{
    private readonly List<ulong> _boundaries = [];
    private readonly List<LabelledRange> _labels = [];
    private readonly HashSet<RangeLabel> _knownLabels = [];
    private ulong _end;
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

        if (Count > 0 && !touches)
        {
            _boundaries.Add((_end >> GuestPage.Shift << 8) | PageStateList.Hole);
        }

        if (!touches || state != _state)
        {
            _boundaries.Add((start >> GuestPage.Shift << 8) | (ulong)state);
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
        _boundaries.Add((_end >> GuestPage.Shift << 8) | PageStateList.Hole);
        int at = 0;
        foreach (GpaRange ram in header.Ram.Ranges)
        {
            // Of what the runs cover, the next piece without a gap.
            ulong start = at < _boundaries.Count - 1 ? _boundaries[at] >> 8 << GuestPage.Shift : ulong.MaxValue;
            while (at < _boundaries.Count && (_boundaries[at] & 0xff) != PageStateList.Hole)
            {
                at++;
            }

            ulong end = at < _boundaries.Count ? _boundaries[at] >> 8 << GuestPage.Shift : ulong.MaxValue;
            if (start != ram.Start.Value || end != ram.End.Value)
            {
                throw new InvalidInputException(source, runsField, $"do not cover the RAM {ram} exactly");
            }

            at++;
        }

        if (at != _boundaries.Count)
        {
            throw new InvalidInputException(source, runsField, "go on where there is no RAM");
        }

        header.CheckTotals(new PageTotals(_privatePages, _sharedPages, _unreportedPages), runsField, source);
        return new SharedRegionMap(header.Info, header.Ram, new PageStateList(_boundaries), header.Totals, [.. _labels]);
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
