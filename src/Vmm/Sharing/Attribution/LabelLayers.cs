using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>Labels laid over each other: the last one on a page counts.</summary>
internal sealed class LabelLayers
{
    private readonly IReadOnlyList<GpaRange> _ram;
    private List<LabelledRange> _labels = [];

    /// <summary>Makes an empty set of labels.</summary>
    /// <param name="ram">What may be labelled, sorted; anything else is left out.</param>
    public LabelLayers(IReadOnlyList<GpaRange> ram)
    {
        _ram = ram;
    }

    /// <summary>The labels: whole pages of RAM, sorted, without overlap.</summary>
    public IReadOnlyList<LabelledRange> Labels => _labels;

    /// <summary>Lays one range on top of all others.</summary>
    public void Add(GpaRange range, string text, LabelCertainty certainty) =>
        Add([new LabelledRange(range, new RangeLabel(text, certainty))]);

    /// <summary>Lays a layer on top of all others.</summary>
    /// <param name="layer">Ranges in any order; those that overlap others of the same layer are left out.</param>
    public void Add(IEnumerable<LabelledRange> layer)
    {
        List<LabelledRange> over = [];
        foreach (LabelledRange label in layer.OrderBy(static label => label.Range.Start))
        {
            foreach (LabelledRange piece in InRam(label))
            {
                if (over.Count == 0 || piece.Range.Start >= over[^1].Range.End)
                {
                    over.Add(piece);
                }
            }
        }

        List<LabelledRange> merged = [];
        int next = 0;
        foreach (LabelledRange under in _labels)
        {
            ulong start = under.Range.Start.Value;
            ulong end = under.Range.End.Value;
            while (next < over.Count && over[next].Range.End.Value <= start)
            {
                merged.Add(over[next++]);
            }

            // What the new layer leaves of it, piece by piece.
            int cut = next;
            while (start < end)
            {
                if (cut == over.Count || over[cut].Range.Start.Value >= end)
                {
                    Keep(start, end);
                    break;
                }

                Keep(start, Math.Max(start, over[cut].Range.Start.Value));
                start = over[cut].Range.End.Value;
                if (start <= end)
                {
                    merged.Add(over[cut]);
                    next = ++cut;
                }
            }

            void Keep(ulong from, ulong to)
            {
                if (from < to)
                {
                    merged.Add(under with { Range = GpaRange.FromBounds(from, to) });
                }
            }
        }

        merged.AddRange(over.Skip(next));
        _labels = merged;
    }

    private IEnumerable<LabelledRange> InRam(LabelledRange label)
    {
        ulong start = GuestPage.RoundDown(label.Range.Start.Value);
        ulong end = GuestPage.RoundUp(Math.Min(label.Range.End.Value, 1UL << RamRanges.AddressBits));
        foreach (GpaRange ram in _ram)
        {
            ulong from = Math.Max(start, ram.Start.Value);
            ulong to = Math.Min(end, ram.End.Value);
            if (from < to)
            {
                yield return label with { Range = GpaRange.FromBounds(from, to) };
            }
        }
    }
}
