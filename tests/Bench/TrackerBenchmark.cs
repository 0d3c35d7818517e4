using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Bench;

/// <summary>The tracker under a boot-like pattern, its worst pattern, and a reset of 1 TiB.</summary>
internal static class TrackerBenchmark
{
    private const int Repetitions = 21;
    private const ulong SwiotlbStart = 64UL << 20;

    /// <summary>Runs the benchmarks.</summary>
    /// <param name="report">Where the figures go.</param>
    public static void Run(Report report)
    {
        MeasureBoot(report);
        MeasureAlternating(report);
        MeasureReset(report);
    }

    /// <summary>
    /// What a Linux guest does: all of RAM private, swiotlb shared in 2 MiB steps, single pages, half of them given back.
    /// </summary>
    private static void MeasureBoot(Report report)
    {
        var random = new Random(1);
        var calls = new List<(GpaRange Range, PageState State)> { (Pages(0, 131072), PageState.Private) };
        for (ulong step = 0; step < 32; step++)
        {
            calls.Add((Pages((SwiotlbStart >> GuestPage.Shift) + (step * 512), 512), PageState.Shared));
        }

        for (ulong page = 0; page < 3000; page++)
        {
            calls.Add((Pages(60000 + page, 1), PageState.Shared));
        }

        for (int i = 0; i < 500; i++)
        {
            calls.Add((Pages((ulong)random.Next(131072), 1), (i & 1) == 0 ? PageState.Shared : PageState.Private));
        }

        // Once with a tracker of its own each time, memory first touched and all; then again and again with one.
        double[] fresh = new double[Repetitions];
        double[] warm = new double[Repetitions];
        var used = new SharedRegionTracker([Pages(0, 131072)]);
        for (int i = 0; i < Repetitions; i++)
        {
            fresh[i] = Replay(new SharedRegionTracker([Pages(0, 131072)]), calls);
            warm[i] = Replay(used, calls);
        }

        report.Add("tracker, boot-like calls (best of 21)", warm.Min(), 60, "ns", $"{calls.Count} calls, median {Median(warm):0}");
        Report.Tell("the same, memory touched for the first time", Median(fresh), "ns", $"{fresh.Min():0} at best");
    }

    private static double Replay(SharedRegionTracker tracker, List<(GpaRange Range, PageState State)> calls)
    {
        long start = Stopwatch.GetTimestamp();
        foreach ((GpaRange range, PageState state) in calls)
        {
            tracker.Set(range, state, 0, start);
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / calls.Count;
    }

    private static void MeasureAlternating(Report report)
    {
        const ulong PageCount = (64UL << 30) >> GuestPage.Shift;
        var tracker = new SharedRegionTracker([Pages(0, PageCount)]);
        tracker.Set(Pages(0, PageCount), PageState.Private, 0);
        long start = Stopwatch.GetTimestamp();
        for (ulong page = 0; page < PageCount; page += 2)
        {
            tracker.Set(Pages(page, 1), PageState.Shared, 0);
        }

        double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds / (PageCount / 2.0);
        report.Add("tracker, alternating pages over 64 GiB", tracker.AllocatedBytes / 1048576.0, 5, "MiB", string.Create(
            CultureInfo.InvariantCulture, $"{nanoseconds:0} ns a call, {PageCount / 2} calls"));

        double[] microseconds = new double[Repetitions];
        for (int i = 0; i < Repetitions; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            SharedRegionMap map = tracker.Snapshot();
            microseconds[i] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
            GC.KeepAlive(map);
        }

        Report.Tell("tracker, snapshot of that", Median(microseconds), "us", $"median of {Repetitions}; writers wait no longer than this");
    }

    private static void MeasureReset(Report report)
    {
        const ulong PageCount = (1UL << 40) >> GuestPage.Shift;
        double[] microseconds = new double[Repetitions];
        for (int i = 0; i < Repetitions; i++)
        {
            var tracker = new SharedRegionTracker([Pages(0, PageCount)]);
            tracker.Set(Pages(0, PageCount), PageState.Private, 0);
            for (ulong page = 0; page < 4000; page++)
            {
                tracker.Set(Pages(100_000 + (page * 3), 1), PageState.Shared, 0);
            }

            long start = Stopwatch.GetTimestamp();
            tracker.Set(Pages(0, PageCount), PageState.Private, 0);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        report.Add(
            "tracker, reset of 1 TiB", Median(microseconds), 20, "us", $"after a boot's worth of single pages, median of {Repetitions}");
    }

    private static GpaRange Pages(ulong first, ulong count) => new(new Gpa(first << GuestPage.Shift), count << GuestPage.Shift);

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
