using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>Says what the ranges of a map are used for, without an agent in the guest: each label exact, likely or unknown.</summary>
public static class MapAttribution
{
    private const ulong MostBssPages = 4096;
    private const ulong PoolUnitPages = 32;
    private const ulong MostPoolPages = 3 * 1024;
    private const ulong PmdSize = 2 << 20;

    /// <summary>The map with labels; those that it had stay where nothing better is known.</summary>
    /// <param name="map">The map.</param>
    /// <param name="evidence">What is known beside it.</param>
    public static SharedRegionMap Label(SharedRegionMap map, AttributionEvidence evidence)
    {
        LabelLayers layers = new(map.Ram);
        ConversionAnalysis? calls = evidence.Conversions;
        if (calls is not null)
        {
            layers.Add(KernelStart(calls));
        }

        layers.Add(evidence.Loaded);
        layers.Add(map.Labels.Where(static label => label.Label.Certainty != LabelCertainty.Exact));
        if (calls is { FirstShared.IsEmpty: false, StartBurst.Count: > 0 })
        {
            AddPools(layers, calls, evidence);
            layers.Add(calls.SmallShared.Intervals.Select(
                static pages => Make(SharedRegionMap.Frames(pages.Start, pages.End), RegionNames.PerCpu, LabelCertainty.Likely)));
            AddKernel(layers, map, calls.FirstShared, evidence.Symbols);
            AddSwiotlb(layers, map, calls, evidence.ConsoleSwiotlb);
        }
        else if (evidence.ConsoleSwiotlb is GpaRange said)
        {
            layers.Add(said, RegionNames.Swiotlb, LabelCertainty.Exact);
        }

        layers.Add(map.Labels.Where(static label => label.Label.Certainty == LabelCertainty.Exact));
        foreach (LabelledRange known in evidence.Known)
        {
            layers.Add([known]);
        }

        return map.WithLabels(layers.Labels);
    }

    /// <summary>The pages that Linux makes its bounce buffers of in an encrypted guest: 6 % of RAM, 64 MiB to 1 GiB.</summary>
    /// <param name="ramBytes">RAM, in bytes.</param>
    /// <remarks>Source: Linux arch/x86/mm/mem_encrypt.c, mem_encrypt_setup_arch.</remarks>
    internal static ulong SwiotlbPages(ulong ramBytes) => Math.Clamp(ramBytes / 100 * 6, 64UL << 20, 1UL << 30) >> GuestPage.Shift;

    private static LabelledRange Make(GpaRange range, string text, LabelCertainty certainty) => new(range, new RangeLabel(text, certainty));

    // Of the first burst, what no later call was about.
    private static IEnumerable<LabelledRange> KernelStart(ConversionAnalysis calls)
    {
        if (calls.Later.HasGivenUp || calls.FirstShared.IsEmpty)
        {
            yield break;
        }

        foreach (GpaRange burst in calls.StartBurst)
        {
            ulong frame = burst.Start.Value >> GuestPage.Shift;
            ulong end = frame + burst.PageCount;
            foreach ((ulong laterStart, ulong laterEnd) in calls.Later.Intervals)
            {
                if (laterEnd <= frame || laterStart >= end)
                {
                    continue;
                }

                if (laterStart > frame)
                {
                    yield return Make(SharedRegionMap.Frames(frame, laterStart), RegionNames.KernelStart, LabelCertainty.Likely);
                }

                frame = laterEnd;
            }

            if (frame < end)
            {
                yield return Make(SharedRegionMap.Frames(frame, end), RegionNames.KernelStart, LabelCertainty.Likely);
            }
        }
    }

    private static void AddKernel(LabelLayers layers, SharedRegionMap map, GpaRange bss, KernelSymbols? symbols)
    {
        // The call names the section's exact bounds, so size and place in a large page must be those of this very kernel.
        bool fits = symbols is not null
            && bss.Length == GuestPage.RoundUp(symbols.BssDecryptedEnd - symbols.BssDecrypted)
            && (bss.Start.Value ^ symbols.BssDecrypted) % PmdSize == 0
            && bss.Start.Value >= symbols.BssDecrypted - symbols.Text;
        if (fits)
        {
            ulong text = bss.Start.Value - (symbols!.BssDecrypted - symbols.Text);
            layers.Add(GpaRange.FromBounds(text, text + (symbols.End - symbols.Text)), RegionNames.KernelData, LabelCertainty.Exact);
            layers.Add(GpaRange.FromBounds(text, text + (symbols.TextEnd - symbols.Text)), RegionNames.KernelText, LabelCertainty.Exact);
        }

        LabelCertainty certainty = fits ? LabelCertainty.Exact : LabelCertainty.Likely;
        layers.Add(bss, RegionNames.BssDecrypted, certainty);
        if (bss.PageCount > MostBssPages)
        {
            return;
        }

        PageIntervals freed = new((int)MostBssPages);
        for (ulong frame = bss.Start.Value >> GuestPage.Shift; frame < bss.End.Value >> GuestPage.Shift; frame++)
        {
            if (map.StateAt(new Gpa(frame << GuestPage.Shift)) == PageState.Private)
            {
                freed.Add(frame, frame + 1);
            }
        }

        layers.Add(freed.Intervals.Select(
            pages => Make(SharedRegionMap.Frames(pages.Start, pages.End), RegionNames.BssDecryptedFreed, certainty)));
    }

    private static void AddSwiotlb(LabelLayers layers, SharedRegionMap map, ConversionAnalysis calls, GpaRange? console)
    {
        if (console is GpaRange said)
        {
            layers.Add(said, RegionNames.Swiotlb, LabelCertainty.Exact);
            return;
        }

        // The kernel rounds up, and knows a little less RAM than the machine has.
        ulong most = SwiotlbPages(map.MemoryBytes) + (PmdSize >> GuestPage.Shift);
        ulong least = SwiotlbPages(map.MemoryBytes - (map.MemoryBytes / 16));
        GpaRange[] large = [.. calls.SharedSequences.Select(static sequence => sequence.Range).Where(range => range.PageCount >= least)];
        GpaRange[] fitting = [.. large.Where(range => range.PageCount <= most)];
        if (fitting.Length == 1)
        {
            layers.Add(fitting[0], RegionNames.Swiotlb, LabelCertainty.Likely);
        }
        else if (large.Length > 0)
        {
            // None fits, or several: the largest is a guess.
            layers.Add(large.MaxBy(static range => range.Length), RegionNames.Swiotlb, LabelCertainty.Unknown);
        }
    }

    private static void AddPools(LabelLayers layers, ConversionAnalysis calls, AttributionEvidence evidence)
    {
        // Page by page, each pool a power of two from 128 KiB to 4 MiB; pools that touch look like one.
        ulong total = 0;
        foreach ((GpaRange range, int count) in calls.SharedSequences)
        {
            ulong pages = range.PageCount;
            bool isBounce = evidence.ConsoleSwiotlb is GpaRange said && said.Overlaps(range);
            if (!isBounce && pages % PoolUnitPages == 0 && total + pages <= MostPoolPages && (ulong)count == pages)
            {
                total += pages;
                layers.Add(range, RegionNames.AtomicPool, LabelCertainty.Likely);
            }
        }
    }
}
