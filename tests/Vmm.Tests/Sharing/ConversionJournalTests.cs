using System.Diagnostics;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class ConversionJournalTests
{
    private const ulong TopFrame = (1UL << 40) - 1;

    [Fact]
    public void ReadJournal_GivesEachCallAsItWasMade()
    {
        long start = Stopwatch.GetTimestamp();
        SharedRegionTracker tracker = new([Pages(0, 256), Pages(TopFrame - 9, 10)], Options with { StartTimestamp = start });
        _ = tracker.Set(Pages(0, 160), PageState.Private, 0, start);
        _ = tracker.Set(Pages(TopFrame, 1), PageState.Shared, 32767, start + (Stopwatch.Frequency * 3));
        _ = tracker.Set(Pages(5, 2), PageState.Unreported, -1, start + (Stopwatch.Frequency * 4));

        ConversionRecord[] records = new ConversionRecord[10];
        JournalBatch batch = tracker.ReadJournal(0, records);
        Assert.Equal(new JournalBatch(3, 0), batch);
        Assert.Equal(
            [
                new ConversionRecord(1, TimeSpan.Zero, 0, Pages(0, 160), PageState.Private),
                new ConversionRecord(2, TimeSpan.FromSeconds(3), 32767, Pages(TopFrame, 1), PageState.Shared),
                new ConversionRecord(3, TimeSpan.FromSeconds(4), -1, Pages(5, 2), PageState.Unreported),
            ],
            records[..3]);
    }

    [Fact]
    public void ReadJournal_RefusedCalls_AreNotInIt()
    {
        SharedRegionTracker tracker = Tracker(Pages(0, 10));
        Assert.Throws<ArgumentException>(() => tracker.Set(Pages(5, 10), PageState.Shared));
        Assert.Equal(default, tracker.ReadJournal(0, new ConversionRecord[1]));
    }

    [Fact]
    public void ReadJournal_WithoutATimeGiven_CountsFromTheStart()
    {
        long start = Stopwatch.GetTimestamp();
        SharedRegionTracker tracker = new([Pages(0, 10)], Options with { StartTimestamp = start });
        _ = tracker.Set(Pages(0, 1), PageState.Shared);
        ConversionRecord[] records = new ConversionRecord[1];
        _ = tracker.ReadJournal(0, records);
        Assert.InRange(records[0].Elapsed, TimeSpan.Zero, Stopwatch.GetElapsedTime(start));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void ReadJournal_AfterTheRingWentRound_SaysHowManyAreLost(int capacity)
    {
        SharedRegionTracker tracker = new([Pages(0, 100)], Options with { JournalCapacity = capacity });
        for (ulong call = 1; call <= 20; call++)
        {
            _ = tracker.Set(Pages(call, 1), PageState.Shared);
            for (ulong since = 0; since <= call + 1; since++)
            {
                ConversionRecord[] records = new ConversionRecord[30];
                JournalBatch batch = tracker.ReadJournal(since, records);
                ulong newer = since < call ? call - since : 0;
                int kept = (int)Math.Min(newer, (ulong)capacity);
                Assert.Equal(new JournalBatch(kept, newer - (ulong)kept), batch);
                Assert.Equal(
                    Enumerable.Range(0, kept).Select(i => call - (ulong)kept + 1 + (ulong)i),
                    records[..kept].Select(static record => record.Generation));
                Assert.All(records[..kept], static record => Assert.Equal(Pages(record.Generation, 1), record.Range));
            }
        }
    }

    [Fact]
    public void ReadJournal_InBatches_GivesEverythingOnce()
    {
        SharedRegionTracker tracker = new([Pages(0, 10_000)], Options with { JournalCapacity = 6000 });
        for (ulong call = 0; call < 5000; call++)
        {
            _ = tracker.Set(Pages(call, 1), PageState.Shared);
        }

        List<ulong> generations = [];
        ConversionRecord[] records = new ConversionRecord[3000];
        ulong since = 0;
        while (tracker.ReadJournal(since, records) is { Count: > 0 } batch)
        {
            Assert.InRange(batch.Count, 1, SharedRegionTracker.JournalBatchLimit);
            Assert.Equal(0UL, batch.Lost);
            generations.AddRange(records[..batch.Count].Select(static record => record.Generation));
            since = generations[^1];
        }

        Assert.Equal(Enumerable.Range(1, 5000).Select(static generation => (ulong)generation), generations);
    }

    [Fact]
    public void New_JournalWithoutRoom_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SharedRegionTracker([Pages(0, 1)], Options with { JournalCapacity = 0 }));
}
