using KvmSevVmm.Vmm.Sharing.Pictures;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>One kind of region in two maps. Addresses do not count: with KASLR each boot has others.</summary>
/// <param name="Kind">The label's text; null for what carries none.</param>
/// <param name="Before">What the first map has of it; null for nothing.</param>
/// <param name="After">What the second map has of it; null for nothing.</param>
public sealed record KindDifference(string? Kind, KindTotal? Before, KindTotal? After)
{
    private static readonly string[] Background = [RegionNames.KernelStart, RegionNames.BssDecryptedFreed];

    /// <summary>
    /// Whether the two differ: one of them lacks the kind, or they share another number of pages. How much private memory a kind has
    /// follows from the guest's size, and does not count.
    /// </summary>
    public bool IsDifferent => IsBackground
        ? (Before?.Pages.SharedPages ?? 0) != (After?.Pages.SharedPages ?? 0)
        : Before is null || After is null || Before.Pages.SharedPages != After.Pages.SharedPages;

    private bool IsBackground => Kind is null || Background.Contains(Kind)
        || Kind.StartsWith(RegionNames.LoaderPrefix, StringComparison.Ordinal);

    /// <summary>Puts the kinds of two maps side by side, sorted by their text, the unlabelled last.</summary>
    /// <param name="before">The first map.</param>
    /// <param name="after">The second map.</param>
    public static IReadOnlyList<KindDifference> Between(SharedRegionMap before, SharedRegionMap after)
    {
        IReadOnlyList<KindTotal> left = KindTotal.Of(WithoutBuffers(before));
        IReadOnlyList<KindTotal> right = KindTotal.Of(WithoutBuffers(after));
        Dictionary<string, KindTotal> leftByKind = ByKind(left);
        Dictionary<string, KindTotal> rightByKind = ByKind(right);
        List<KindDifference> all =
        [
            .. leftByKind.Keys.Union(rightByKind.Keys).Order(StringComparer.Ordinal)
                .Select(kind => new KindDifference(kind, leftByKind.GetValueOrDefault(kind), rightByKind.GetValueOrDefault(kind))),
        ];
        KindTotal? leftRest = left.FirstOrDefault(static kind => kind.Kind is null);
        KindTotal? rightRest = right.FirstOrDefault(static kind => kind.Kind is null);
        if (leftRest is not null || rightRest is not null)
        {
            all.Add(new KindDifference(null, leftRest, rightRest));
        }

        return all;
    }

    /// <summary>What devices have in hand is another at each moment: it counts as what it lies in, Linux' bounce buffers.</summary>
    private static SharedRegionMap WithoutBuffers(SharedRegionMap map)
    {
        RangeLabel? swiotlb = map.Labels.Select(static label => label.Label)
            .FirstOrDefault(static label => label.Text == RegionNames.Swiotlb);
        List<LabelledRange> labels = [];
        foreach (LabelledRange label in map.Labels)
        {
            if (!label.Label.Text.StartsWith(RegionNames.BufferPrefix, StringComparison.Ordinal))
            {
                labels.Add(label);
            }
            else if (swiotlb is not null)
            {
                labels.Add(label with { Label = swiotlb });
            }
        }

        return map.WithLabels(labels);
    }

    private static Dictionary<string, KindTotal> ByKind(IReadOnlyList<KindTotal> kinds) =>
        kinds.Where(static kind => kind.Kind is not null).ToDictionary(static kind => kind.Kind!, StringComparer.Ordinal);
}
