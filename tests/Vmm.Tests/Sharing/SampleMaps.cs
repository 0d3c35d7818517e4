using KvmSevVmm.TestSupport.Sharing;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sharing;

/// <summary>Maps and helpers that several tests share.</summary>
internal static class SampleMaps
{
    /// <summary>The moment at which sample maps are captured.</summary>
    public static readonly DateTimeOffset CapturedAt = new DateTimeOffset(2025, 1, 31, 23, 59, 59, TimeSpan.Zero).AddTicks(1234567);

    /// <summary>A range by its bounds.</summary>
    public static GpaRange Range(ulong start, ulong end) => GpaRange.FromBounds(start, end);

    /// <summary>A range of pages by its first frame.</summary>
    public static GpaRange Pages(ulong frame, ulong count) => new(new Gpa(frame << 12), count << 12);

    /// <summary>A tracker whose maps carry fixed words.</summary>
    public static SharedRegionTracker Tracker(params GpaRange[] ram) => new(ram, Options);

    /// <summary>Options with a clock that stands still.</summary>
    public static SharedRegionTrackerOptions Options => new() { Mode = "simulated", CBit = 39, Clock = new StoppedClock() };

    /// <summary>The calls of a small Linux guest's start: what a golden file should look like.</summary>
    public static SharedRegionMap BootOfASmallGuest()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000), Range(0x100000, 0x20000000));
        _ = tracker.Set(Pages(0, 159), PageState.Private);
        _ = tracker.Set(Pages(0x100, 0x1f000), PageState.Private);
        _ = tracker.Set(Pages(0x3600, 512), PageState.Shared);
        tracker.MigrationReady = true;
        _ = tracker.Set(Pages(0x3602, 1), PageState.Private);
        _ = tracker.Set(Pages(0x1b000, 16384), PageState.Shared);
        return tracker.Snapshot().WithLabels(
        [
            new LabelledRange(Pages(0x10, 1), new RangeLabel("zero page", LabelCertainty.Exact)),
            new LabelledRange(Pages(0x3600, 512), new RangeLabel(".bss..decrypted, \"first\" call", LabelCertainty.Likely)),
            new LabelledRange(Pages(0x1b000, 16384), new RangeLabel("swiotlb \u2013 b\u00e9b\u00e9 <&>", LabelCertainty.Unknown)),
        ]);
    }

    /// <summary>A map with random runs and labels over RAM with holes.</summary>
    public static SharedRegionMap Random(Random random)
    {
        List<GpaRange> ram = [];
        ulong frame = 0;
        for (int i = random.Next(1, 5); i > 0; i--)
        {
            frame += (ulong)random.NextInt64(1, 3) << random.Next(0, 20);
            ulong count = (ulong)random.Next(1, 2000);
            ram.Add(Pages(frame, count));
            frame += count;
        }

        SharedRegionTracker tracker = new(ram, new SharedRegionTrackerOptions
        {
            Mode = random.Next(2) == 0 ? "none" : "sev-es",
            CBit = random.Next(2) == 0 ? null : random.Next(12, 64),
            MemoryBytes = random.Next(2) == 0 ? null : (ulong)random.NextInt64(),
            Clock = new StoppedClock(),
        });
        tracker.MigrationReady = random.Next(2) == 0;
        for (int i = random.Next(0, 60); i > 0; i--)
        {
            _ = tracker.Set(Inside(random, ram[random.Next(ram.Count)]), (PageState)random.Next(3));
        }

        List<LabelledRange> labels = [];
        foreach (GpaRange range in ram)
        {
            ulong at = range.Start.Value;
            while (random.Next(4) != 0 && at < range.End.Value)
            {
                GpaRange labelled = Inside(random, Range(at, range.End.Value));
                string text = new([.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => "ab ,\"=#\u00e9\u4e16"[random.Next(9)])]);
                labels.Add(new LabelledRange(labelled, new RangeLabel(text, (LabelCertainty)random.Next(3))));
                at = labelled.End.Value;
            }
        }

        return tracker.Snapshot().WithLabels(labels);
    }

    /// <summary>A random range of pages inside another.</summary>
    public static GpaRange Inside(Random random, GpaRange range)
    {
        ulong first = (ulong)random.NextInt64((long)range.PageCount);
        ulong most = Math.Min(range.PageCount - first, 1UL << random.Next(0, 12));
        return new GpaRange(range.Start + (first << 12), (ulong)random.NextInt64(1, (long)most + 1) << 12);
    }

    /// <summary>A map's runs for comparison with a naive map.</summary>
    public static IEnumerable<NaiveRun> NaiveRuns(SharedRegionMap map) => map.EnumerateRuns()
        .Select(static run => new NaiveRun(run.Range.Start.Value, run.Range.End.Value, Word(run.State)));

    /// <summary>Asserts that two maps say the same.</summary>
    public static void AssertSame(SharedRegionMap expected, SharedRegionMap actual)
    {
        Assert.Equal(expected.Mode, actual.Mode);
        Assert.Equal(expected.CBit, actual.CBit);
        Assert.Equal(expected.MemoryBytes, actual.MemoryBytes);
        Assert.Equal(expected.Generation, actual.Generation);
        Assert.Equal(expected.CapturedAt, actual.CapturedAt);
        Assert.Equal(expected.MigrationReady, actual.MigrationReady);
        Assert.Equal(expected.Totals, actual.Totals);
        Assert.Equal(expected.Ram, actual.Ram);
        Assert.Equal(expected.Labels, actual.Labels);
        Assert.Equal(expected.EnumerateRuns(), actual.EnumerateRuns());
    }

    /// <summary>A seed that is new in each run, unless the environment repeats one.</summary>
    public static int Seed(ITestOutputHelper output)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("KVMSEV_TEST_SEED"), out int given) ? given : Environment.TickCount;
        output.WriteLine($"seed: {seed} (repeat with KVMSEV_TEST_SEED={seed})");
        return seed;
    }

    private static string Word(PageState state) => state switch
    {
        PageState.Private => "private",
        PageState.Shared => "shared",
        PageState.Unreported => "unreported",
        _ => throw new ArgumentOutOfRangeException(nameof(state)),
    };

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => CapturedAt;
    }
}
