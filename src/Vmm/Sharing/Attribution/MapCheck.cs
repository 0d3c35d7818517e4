using System.Globalization;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>Looks for what is wrong in a map: what a person who debugs a guest would look for first.</summary>
public static class MapCheck
{
    private const ulong FlappingChanges = 4;
    private const int MostFindings = 10;
    private const ulong UnexplainedFloorPages = 1024;

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>Looks at everything that can be looked at.</summary>
    /// <param name="map">The map, with labels.</param>
    /// <param name="counts">The event log's calls, or null without a log.</param>
    public static IReadOnlyList<CheckResult> Run(SharedRegionMap map, ConversionCounts? counts) =>
    [
        Flapping(counts),
        Rings(map),
        OutsideRam(counts),
        KernelText(map),
        Unexplained(map),
    ];

    private static CheckResult Flapping(ConversionCounts? counts)
    {
        const string Name = "flapping-pages";
        if (counts is null)
        {
            return NotChecked(Name, "needs --event-log");
        }

        (GpaRange Range, ulong Changes)[] found =
            [.. counts.Changes.Where(static entry => entry.Changes >= FlappingChanges).OrderByDescending(static entry => entry.Changes)];
        if (found.Length == 0 && counts.IsFull)
        {
            return NotChecked(Name, "more ranges were converted than are counted");
        }

        return Result(
            Name,
            found.Select(entry => string.Create(Invariant, $"{entry.Range} changed its state {entry.Changes} times")),
            found.Length,
            "no range changed back and forth",
            "ranges changed their state again and again");
    }

    private static CheckResult Rings(SharedRegionMap map)
    {
        const string Name = "rings-in-private-memory";
        LabelledRange[] rings =
            [.. map.Labels.Where(static label => label.Label.Text.StartsWith(RegionNames.VirtqueuePrefix, StringComparison.Ordinal))];
        if (rings.Length == 0)
        {
            return NotChecked(Name, "the map has no label of a virtqueue");
        }

        List<string> found = [];
        foreach (LabelledRange ring in rings)
        {
            for (ulong page = ring.Range.Start.Value; page < ring.Range.End.Value && found.Count < MostFindings; page += GuestPage.Size)
            {
                if (map.StateAt(new Gpa(page)) == PageState.Private)
                {
                    found.Add($"{ring.Label.Text}: {new Gpa(page)} is private");
                    break;
                }
            }
        }

        string fine = string.Create(Invariant, $"{rings.Length} areas of rings, none private");
        return Result(Name, found, found.Count, fine, "rings of devices are private");
    }

    private static CheckResult OutsideRam(ConversionCounts? counts) => counts is null
        ? NotChecked("shared-outside-ram", "needs --event-log")
        : Result(
            "shared-outside-ram",
            counts.Outside.Select(static range => $"{range} is not RAM"),
            (int)Math.Min(counts.OutsideCalls, int.MaxValue),
            "no call named memory outside RAM",
            "calls wanted to share what is not RAM, and were refused");

    private static CheckResult KernelText(SharedRegionMap map)
    {
        const string Name = "shared-kernel-text";
        if (!map.Labels.Any(static label => label.Label.Text == RegionNames.KernelText))
        {
            return NotChecked(Name, "where the kernel's code is takes --system-map and an event log");
        }

        string[] found = [.. Shared(map, static run => run.Label?.Text == RegionNames.KernelText).Take(MostFindings).Select(
            static run => $"{run.Range} is shared")];
        return Result(
            Name, found, found.Length, "no page of the kernel's code is shared", "ranges of the kernel's code are shared");
    }

    private static CheckResult Unexplained(SharedRegionMap map)
    {
        const string Name = "unexplained-shared";
        if (!map.Labels.Any(static label => label.Label.Text == RegionNames.Swiotlb))
        {
            return NotChecked(Name, "the map has no label of the bounce buffers; give --event-log or --console");
        }

        ulong swiotlb = 0;
        ulong unexplained = 0;
        List<SharedRegionRun> largest = [];
        foreach (SharedRegionRun run in Shared(map, static _ => true))
        {
            bool isBounce = run.Label?.Text == RegionNames.Swiotlb
                || run.Label?.Text.StartsWith(RegionNames.BufferPrefix, StringComparison.Ordinal) == true;
            swiotlb += isBounce ? run.Range.PageCount : 0;
            if (run.Label is null || run.Label.Text is RegionNames.KernelStart
                || run.Label.Text.StartsWith(RegionNames.LoaderPrefix, StringComparison.Ordinal))
            {
                unexplained += run.Range.PageCount;
                largest.Add(run);
                if (largest.Count > 2 * MostFindings)
                {
                    largest = Largest(largest);
                }
            }
        }

        // A driver's coherent buffers are nothing strange: a few MiB, or an eighth of the bounce buffers, may go without a name.
        string size = SharedRegionMapTable.Size(unexplained << GuestPage.Shift);
        ulong allowed = Math.Max(UnexplainedFloorPages, swiotlb / 8);
        return unexplained <= allowed
            ? new CheckResult(Name, CheckVerdict.Ok, $"{size} shared without a known use", [])
            : new CheckResult(
                Name,
                CheckVerdict.Found,
                $"{size} are shared beyond the bounce buffers and all other known uses",
                [.. Largest(largest).Select(static run => $"{run.Range} {SharedRegionMapTable.Size(run.Range.Length)}")]);
    }

    private static List<SharedRegionRun> Largest(List<SharedRegionRun> runs) =>
        [.. runs.OrderByDescending(static run => run.Range.Length).Take(MostFindings)];

    private static IEnumerable<SharedRegionRun> Shared(SharedRegionMap map, Func<SharedRegionRun, bool> matches) =>
        map.EnumerateRuns().Where(run => run.State == PageState.Shared && matches(run));

    private static CheckResult NotChecked(string name, string why) => new(name, CheckVerdict.NotChecked, why, []);

    private static CheckResult Result(string name, IEnumerable<string> findings, int count, string fine, string wrong) => count == 0
        ? new CheckResult(name, CheckVerdict.Ok, fine, [])
        : new CheckResult(name, CheckVerdict.Found, string.Create(Invariant, $"{count} {wrong}"), [.. findings.Take(MostFindings)]);
}
