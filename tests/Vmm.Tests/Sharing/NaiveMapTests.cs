using System.Diagnostics;
using System.Text;
using KvmSevVmm.TestSupport.Sharing;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

/// <summary>The judge itself: it agrees with what is right and sees what is wrong.</summary>
public sealed class NaiveMapTests
{
    private static readonly (ulong Start, ulong End)[] Ram = [(0, 0xa0000), (0x100000, 0x200000)];

    [Fact]
    public void Replay_OfAnEventLog_GivesTheTrackersMap()
    {
        using MemoryStream output = new();
        using EventLog log = new(output, Stopwatch.GetTimestamp());
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000), Range(0x100000, 0x200000));
        Random random = new(3);
        log.Lifecycle("start");
        for (int i = 0; i < 2000; i++)
        {
            ulong gpa = (ulong)random.Next(0x210) << 12;
            ulong pages = (ulong)random.Next(0, 40);
            ulong attributes = (ulong)(random.Next(2) * 16) + (ulong)random.Next(4);
            bool parsed = MapGpaRangeRequest.TryParse(
                gpa, pages, attributes, HypercallAbi.MapGpaRange, out MapGpaRangeRequest request, out _);
            bool accepted = parsed && tracker.IsRam(request.Range);
            if (accepted)
            {
                _ = tracker.Set(request.Range, request.State);
            }

            log.MapGpaRange(0, gpa, pages, attributes, accepted ? 0 : -22);
        }

        log.Flush();
        NaiveMap naive = new(Ram);
        naive.Replay(EventLogReader.ReadMapGpaRangeCalls(Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Split('\n')));
        Assert.InRange(naive.Accepted, 500, 1900);
        using MemoryStream json = new();
        SharedRegionMapJson.Write(tracker.Snapshot(), json);
        Assert.Null(naive.FindDifferenceInJson(Encoding.UTF8.GetString(json.ToArray())));
    }

    [Fact]
    public void Replay_OfALogWhoseResultsBreakTheRules_Throws()
    {
        MapGpaRangeEvent good = new(0, 0, 0x1000, 1, 0x10, 0);
        new NaiveMap(Ram).Replay([good]);
        Assert.Throws<InvalidDataException>(() => new NaiveMap(Ram).Replay([good with { Result = -22 }]));
        Assert.Throws<InvalidDataException>(() => new NaiveMap(Ram).Replay([good with { Gpa = 0xa0000 }]));
        Assert.Throws<InvalidDataException>(() => new NaiveMap(Ram).Replay([good with { Attributes = 0x20 }]));
    }

    [Fact]
    public void FindDifference_SeesOneWrongPage()
    {
        NaiveMap naive = new(Ram);
        Assert.True(naive.TryApply(0x1000, 2, 0));
        NaiveRun[] right = [.. naive.Runs()];
        Assert.Null(naive.FindDifference(right));
        NaiveRun[] longer = [right[0], right[1] with { End = 0x4000 }, .. right[2..]];
        Assert.Contains("found [0x1000, 0x4000)", naive.FindDifference(longer), StringComparison.Ordinal);
        Assert.Contains("missing", naive.FindDifference(right[..^1]), StringComparison.Ordinal);
        Assert.Contains("too much", naive.FindDifference([.. right, right[0]]), StringComparison.Ordinal);
    }

    [Fact]
    public void FindDifferenceInJson_SeesWrongTotalsWrongRamAndWrongPages_AndJoinsLabelledRuns()
    {
        NaiveMap naive = new(Ram);
        Assert.True(naive.TryApply(0x1000, 2, 0));
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000), Range(0x100000, 0x200000));
        _ = tracker.Set(Range(0x1000, 0x3000), PageState.Shared);
        RangeLabel label = new("x", LabelCertainty.Exact);
        SharedRegionMap map = tracker.Snapshot().WithLabels([new LabelledRange(Range(0x2000, 0x5000), label)]);
        string json = Encoding.UTF8.GetString(MapFormats.Write(MapFormat.Json, map)[0]);
        Assert.Null(naive.FindDifferenceInJson(json));
        string wrongTotal = json.Replace("\"sharedPages\":2", "\"sharedPages\":3", StringComparison.Ordinal);
        Assert.Contains("sharedPages", naive.FindDifferenceInJson(wrongTotal), StringComparison.Ordinal);
        string wrongRam = json.Replace("\"end\":\"0x200000\"}],", "\"end\":\"0x300000\"}],", StringComparison.Ordinal);
        Assert.Contains("RAM", naive.FindDifferenceInJson(wrongRam), StringComparison.Ordinal);
        _ = tracker.Set(Range(0x9000, 0xa000), PageState.Private);
        _ = tracker.Set(Range(0x9000, 0xa000), PageState.Unreported);
        _ = tracker.Set(Range(0x2000, 0x3000), PageState.Unreported);
        _ = tracker.Set(Range(0x3000, 0x4000), PageState.Shared);
        json = Encoding.UTF8.GetString(MapFormats.Write(MapFormat.Json, tracker.Snapshot())[0]);
        Assert.Contains("expected [0x1000, 0x3000) shared", naive.FindDifferenceInJson(json), StringComparison.Ordinal);
    }
}
