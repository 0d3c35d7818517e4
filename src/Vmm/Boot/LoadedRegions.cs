using System.Collections.Immutable;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Labels for what lies in RAM before the guest's first instruction, and for the areas that its firmware's table names.</summary>
internal static class LoadedRegions
{
    /// <summary>Makes the labels: whole pages of RAM, sorted, none over another. A page with several pieces names all of them.</summary>
    /// <param name="image">What was loaded.</param>
    /// <param name="snp">What a SEV-SNP launch added; empty for other guests.</param>
    /// <param name="mode">What protects the memory; without protection firmware uses none of its SEV areas.</param>
    /// <param name="ram">The guest's RAM.</param>
    internal static ImmutableArray<LabelledRange> Of(
        LoadedImage image, IReadOnlyList<SnpLaunchPiece> snp, SevMode mode, IReadOnlyList<GpaRange> ram)
    {
        // In the order in which a page names them. What SEV-SNP launches is the image once more, and sections of its own.
        List<LoadedPiece> pieces = [.. image.Measured];
        pieces.AddRange(snp.Where(piece => !image.Measured.Any(loaded => loaded.Range == piece.Range))
            .Select(static piece => new LoadedPiece($"SNP {piece.Name}", piece.Range)));
        if (image.Firmware is not null && mode != SevMode.None && !image.SecretArea.IsEmpty)
        {
            pieces.Add(new LoadedPiece("secret area", image.SecretArea));
        }

        List<(ulong Start, ulong End, string Name)> pages =
        [
            .. pieces.Where(piece => ram.Any(range => range.Contains(piece.Range))).Select(static piece =>
                (GuestPage.RoundDown(piece.Range.Start.Value), GuestPage.RoundUp(piece.Range.End.Value), piece.Name)),
        ];
        ulong[] cuts = [.. pages.SelectMany(static piece => new[] { piece.Start, piece.End }).Distinct().Order()];
        List<LabelledRange> labels = [];
        for (int i = 0; i + 1 < cuts.Length; i++)
        {
            string[] names =
                [.. pages.Where(piece => piece.Start <= cuts[i] && cuts[i] < piece.End).Select(static piece => piece.Name).Distinct()];
            if (names.Length > 0)
            {
                var label = new RangeLabel(RegionNames.LoaderPrefix + string.Join(", ", names), LabelCertainty.Exact);
                labels.Add(new LabelledRange(GpaRange.FromBounds(cuts[i], cuts[i + 1]), label));
            }
        }

        return [.. labels];
    }
}
