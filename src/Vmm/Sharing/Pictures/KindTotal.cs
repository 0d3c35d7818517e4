namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>How much memory carries one label.</summary>
/// <param name="Kind">The label's text; null for what carries none.</param>
/// <param name="Certainty">The lowest certainty among its ranges.</param>
/// <param name="Pages">Pages by state.</param>
/// <param name="Runs">Runs.</param>
public sealed record KindTotal(string? Kind, LabelCertainty Certainty, PageTotals Pages, ulong Runs)
{
    /// <summary>Most kinds that are told apart; a real map has some twenty.</summary>
    internal const int MostKinds = 4096;

    /// <summary>What a map's kinds come to, sorted by their text, the unlabelled last.</summary>
    /// <param name="map">The map.</param>
    public static IReadOnlyList<KindTotal> Of(SharedRegionMap map)
    {
        SortedDictionary<string, KindTotal> kinds = new(StringComparer.Ordinal);
        KindTotal rest = new(null, LabelCertainty.Unknown, default, 0);
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            if (run.Label is not RangeLabel label || (kinds.Count == MostKinds && !kinds.ContainsKey(label.Text)))
            {
                rest = rest.With(run);
            }
            else
            {
                KindTotal known = kinds.GetValueOrDefault(label.Text) ?? new KindTotal(label.Text, label.Certainty, default, 0);
                LabelCertainty lowest = known.Certainty < label.Certainty ? known.Certainty : label.Certainty;
                kinds[label.Text] = known.With(run) with { Certainty = lowest };
            }
        }

        return rest.Runs == 0 ? [.. kinds.Values] : [.. kinds.Values, rest];
    }

    private KindTotal With(SharedRegionRun run)
    {
        ulong pages = run.Range.PageCount;
        return this with
        {
            Runs = Runs + 1,
            Pages = run.State switch
            {
                PageState.Private => Pages with { PrivatePages = Pages.PrivatePages + pages },
                PageState.Shared => Pages with { SharedPages = Pages.SharedPages + pages },
                _ => Pages with { UnreportedPages = Pages.UnreportedPages + pages },
            },
        };
    }
}
