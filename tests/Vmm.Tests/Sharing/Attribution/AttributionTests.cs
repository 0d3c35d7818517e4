using System.Text;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing.Attribution;

/// <summary>What a guest's conversions, its console and its symbols say of its memory.</summary>
public sealed class AttributionTests
{
    private const ulong MiB = 1 << 20;

    private static readonly KernelSymbols Symbols = new()
    {
        Text = 0xffffffff81000000,
        TextEnd = 0xffffffff81e01ef2,
        BssDecrypted = 0xffffffff83600000,
        BssDecryptedEnd = 0xffffffff83800000,
        End = 0xffffffff83830000,
    };

    [Fact]
    public void Label_ALinuxStart_NamesEachRegion()
    {
        SharedRegionTracker tracker = LinuxStart();

        SharedRegionMap map = Labelled(tracker);

        Assert.Equal(
            [
                "0x0 kernel start Likely", "0x100000 DMA atomic pool Likely", "0x120000 kernel start Likely",
                "0x3600000 .bss..decrypted Likely",
                "0x3603000 freed .bss..decrypted Likely", "0x3800000 kernel start Likely", "0x1b200000 swiotlb Likely",
                "0x1f200000 kernel start Likely",
                "0x1f233000 per-CPU Likely", "0x1f234000 kernel start Likely",
            ],
            Words(map));
    }

    [Fact]
    public void Label_WithSymbolsThatFit_IsExact_AndKnowsTheKernel()
    {
        SharedRegionTracker tracker = LinuxStart();

        SharedRegionMap map = MapAttribution.Label(
            tracker.Snapshot(), new AttributionEvidence { Conversions = ConversionAnalysis.OfJournal(tracker), Symbols = Symbols });

        Assert.Contains("0x3600000 .bss..decrypted Exact", Words(map));
        Assert.Contains("0x1000000 kernel text Exact", Words(map));
        Assert.Contains("0x1e02000 kernel data Exact", Words(map));
    }

    [Fact]
    public void Label_WithSymbolsOfAnotherKernel_StaysLikely()
    {
        SharedRegionTracker tracker = LinuxStart();

        SharedRegionMap map = MapAttribution.Label(tracker.Snapshot(), new AttributionEvidence
        {
            Conversions = ConversionAnalysis.OfJournal(tracker),
            Symbols = Symbols with { BssDecryptedEnd = 0xffffffff83801000 },
        });

        Assert.Contains("0x3600000 .bss..decrypted Likely", Words(map));
        Assert.DoesNotContain(Words(map), static words => words.Contains("kernel text", StringComparison.Ordinal));
    }

    [Fact]
    public void Label_WithTheConsolesWord_IsExact()
    {
        SharedRegionTracker tracker = LinuxStart();

        SharedRegionMap map = MapAttribution.Label(tracker.Snapshot(), new AttributionEvidence
        {
            Conversions = ConversionAnalysis.OfJournal(tracker),
            ConsoleSwiotlb = Range(0x1b200000, 0x1f200000),
        });

        Assert.Contains("0x1b200000 swiotlb Exact", Words(map));
    }

    [Fact]
    public void Label_ALargeRunThatFitsNoRule_IsAGuess()
    {
        SharedRegionTracker tracker = LinuxStart(swiotlbPages: 32768);

        SharedRegionMap map = Labelled(tracker);

        Assert.Contains("0x17200000 swiotlb Unknown", Words(map));
    }

    [Fact]
    public void Label_WhatIsKnown_LiesOnTop_AndWhatTheMapHadStays()
    {
        SharedRegionTracker tracker = LinuxStart();
        SharedRegionMap labelled = tracker.Snapshot().WithLabels(
            [new LabelledRange(Pages(0x40, 1), new RangeLabel("mine", LabelCertainty.Exact))]);

        SharedRegionMap map = MapAttribution.Label(labelled, new AttributionEvidence
        {
            Conversions = ConversionAnalysis.OfJournal(tracker),
            Loaded = [new LabelledRange(Range(0x100000, 0xe83000), new RangeLabel("loader: kernel", LabelCertainty.Exact))],
            Known = [new LabelledRange(Pages(0x3601, 1), new RangeLabel("kvm-clock", LabelCertainty.Exact))],
        });

        Assert.Contains("0x40000 mine Exact", Words(map));
        Assert.Contains("0x100000 DMA atomic pool Likely", Words(map));
        Assert.Contains("0x120000 loader: kernel Exact", Words(map));
        Assert.Contains("0x3601000 kvm-clock Exact", Words(map));
        Assert.Contains("0x3602000 .bss..decrypted Likely", Words(map));
    }

    [Fact]
    public void Analysis_OfAJournalThatLostItsStart_IsNone()
    {
        SharedRegionTracker tracker = new([Range(0, 512 * MiB)], new SharedRegionTrackerOptions { JournalCapacity = 8 });
        Start(tracker, 16384);

        Assert.Null(ConversionAnalysis.OfJournal(tracker));
    }

    [Fact]
    public void Analysis_OfAGuestThatScatters_GivesUpTheStart_NotTheRest()
    {
        SharedRegionTracker tracker = new([Range(0, 512 * MiB)], new SharedRegionTrackerOptions { JournalCapacity = 100_000 });
        Start(tracker, 16384);
        for (ulong frame = 0x4000; frame < 0x4000 + (2 * 20_000); frame += 2)
        {
            _ = tracker.Set(Pages(frame, 1), PageState.Shared);
        }

        SharedRegionMap map = Labelled(tracker);

        Assert.DoesNotContain(Words(map), static words => words.Contains("kernel start", StringComparison.Ordinal));
        Assert.Contains("0x1b200000 swiotlb Likely", Words(map));
    }

    [Fact]
    public void Analysis_AfterKexec_IsThatOfTheNewKernel()
    {
        SharedRegionTracker tracker = LinuxStart();
        _ = tracker.Set(Pages(0, 160), PageState.Private);
        _ = tracker.Set(Range(MiB, 512 * MiB), PageState.Private);
        _ = tracker.Set(Pages(0x8000, 512), PageState.Shared);

        SharedRegionMap map = Labelled(tracker);

        Assert.Contains("0x8000000 .bss..decrypted Likely", Words(map));
        Assert.DoesNotContain(Words(map), static words => words.Contains("swiotlb", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[    8.5] software IO TLB: mapped [mem 0x000000001b200000-0x000000001f200000] (64MB)\r\n", 0x1b200000, 0x1f200000)]
    [InlineData("[    8.5] software IO TLB: mapped [mem 0x000000001b200000-0x000000001f1fffff] (64MB)\r\n", 0x1b200000, 0x1f200000)]
    public void Console_InAnyPieces_NamesTheBounceBuffers(string line, ulong start, ulong end)
    {
        byte[] bytes = Encoding.UTF8.GetBytes("[ 1.0] noise\n" + line + "[ 9.0] more\n");
        for (int size = 1; size < bytes.Length; size++)
        {
            ConsoleHints hints = new();
            for (int at = 0; at < bytes.Length; at += size)
            {
                hints.Feed(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)));
            }

            Assert.Equal(Range(start, end), hints.Swiotlb);
        }
    }

    [Theory]
    [InlineData("software IO TLB: mapped [mem 0x1b200000-0x1b200000]\n")]
    [InlineData("software IO TLB: mapped [mem 0x1b200000-0xffffffffffffffff]\n")]
    [InlineData("software IO TLB: mapped [mem 0x1b200001-0x1f200000]\n")]
    [InlineData("software IO TLB: mapped [mem 0xzz-0x1f200000]\n")]
    public void Console_NonsenseOfAGuest_IsNotBelieved(string line)
    {
        ConsoleHints hints = new();
        hints.Feed(Encoding.UTF8.GetBytes(new string('x', 10_000) + line + line));

        Assert.Null(hints.Swiotlb);
    }

    [Fact]
    public void Layers_AreWhatAPageByPageModelSays()
    {
        const int Frames = 64;
        int seed = Environment.TickCount;
        Random random = new(seed);
        for (int round = 0; round < 500; round++)
        {
            LabelLayers layers = new([Pages(2, 20), Pages(30, 30)]);
            string?[] model = new string?[Frames];
            for (int layer = 0; layer < 6; layer++)
            {
                string?[] over = new string?[Frames];
                List<LabelledRange> ranges = [];
                ulong frame = 0;
                while (frame < Frames - 1)
                {
                    frame += (ulong)random.Next(0, 20);
                    ulong count = (ulong)random.Next(1, 20);
                    string text = $"{layer}.{frame}";
                    ranges.Add(new LabelledRange(Pages(frame, count), new RangeLabel(text, LabelCertainty.Likely)));
                    for (ulong i = frame; i < Math.Min(frame + count, Frames); i++)
                    {
                        bool isRam = i is (>= 2 and < 22) or (>= 30 and < 60);
                        model[i] = isRam ? text : model[i];
                    }

                    frame += count;
                }

                layers.Add(ranges.OrderBy(_ => random.Next()));
            }

            string?[] actual = new string?[Frames];
            ulong last = 0;
            foreach (LabelledRange label in layers.Labels)
            {
                Assert.True(label.Range.Start.Value >= last, $"seed {seed}: overlap");
                last = label.Range.End.Value;
                for (ulong i = label.Range.Start.Value >> 12; i < label.Range.End.Value >> 12; i++)
                {
                    actual[i] = label.Label.Text;
                }
            }

            Assert.True(model.SequenceEqual(actual), $"seed {seed}");
        }
    }

    [Fact]
    public void Intervals_AreWhatASetSays_UntilTheyGiveUp()
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        PageIntervals intervals = new(1000);
        bool[] model = new bool[2000];
        for (int i = 0; i < 600; i++)
        {
            int start = random.Next(0, 1990);
            int end = start + random.Next(1, 10);
            intervals.Add((ulong)start, (ulong)end);
            model.AsSpan(start, end - start).Fill(true);
            bool[] actual = new bool[2000];
            foreach ((ulong from, ulong to) in intervals.Intervals)
            {
                actual.AsSpan((int)from, (int)(to - from)).Fill(true);
            }

            Assert.True(model.SequenceEqual(actual), $"seed {seed}");
        }

        PageIntervals small = new(4);
        for (ulong frame = 0; frame < 10; frame += 2)
        {
            small.Add(frame, frame + 1);
        }

        Assert.True(small.HasGivenUp);
        Assert.Empty(small.Intervals);
    }

    [Fact]
    public void EventLog_IsReplayedToTheSameMap()
    {
        using MemoryStream log = new();
        using EventLog events = new(log, System.Diagnostics.Stopwatch.GetTimestamp());
        events.Machine("simulated", 39, 512 * MiB, "map-gpa-range", CapturedAt);
        events.Region(new LabelledRange(Range(0, 512 * MiB), new RangeLabel("RAM", LabelCertainty.Exact)));
        events.Region(new LabelledRange(Pages(7, 1), new RangeLabel("loader: zero page", LabelCertainty.Exact)));
        events.MapGpaRange(0, 0, 160, 0x10, 0);
        events.MapGpaRange(1, 0x3600000, 512, 0, 0);
        events.MapGpaRange(0, 0x3600, 512, 0, -22);
        events.MsrWrite(0, 0x4b564d08, 1);
        events.Flush();
        log.Position = 0;

        EventLogReplay replay = EventLogReplay.Run(log, "log");

        SharedRegionMap map = replay.Snapshot();
        Assert.Equal(new PageTotals(160, 512, (512 * MiB / 4096) - 672), map.Totals);
        Assert.Equal(2UL, map.Generation);
        Assert.True(map.MigrationReady);
        Assert.Equal((39, "simulated", 512 * MiB), (map.CBit, map.Mode, map.MemoryBytes));
        Assert.Equal(CapturedAt + (replay.End - replay.Machine.Elapsed), map.CapturedAt);
        Assert.Equal("loader: zero page", Assert.Single(replay.Evidence().Loaded).Label.Text);
    }

    [Fact]
    public void EventLog_OfASevSnpGuest_IsReplayedWithItsLaunchAndItsFaults()
    {
        using MemoryStream log = new();
        using EventLog events = new(log, System.Diagnostics.Stopwatch.GetTimestamp());
        events.Machine("sev-snp", 51, 512 * MiB, "map-gpa-range", CapturedAt);
        events.Region(new LabelledRange(Range(0, 512 * MiB), new RangeLabel("RAM", LabelCertainty.Exact)));
        events.Conversion(-1, 0x80_0000, 16, isPrivate: true);
        events.MapGpaRange(0, 0xD000_0000, 1, 0, 0); // what is no RAM, as OVMF does it: accepted, and not recorded
        events.MapGpaRange(0, 0, 160, 0x10, 0);
        events.Conversion(3, 0x1000, 2, isPrivate: false);
        events.Flush();
        log.Position = 0;
        List<MapGpaRangeRequest?> seen = [];

        EventLogReplay replay = EventLogReplay.Run(log, "log", observe: (_, _, request) => seen.Add(request));

        SharedRegionMap map = replay.Snapshot();
        Assert.Equal(new PageTotals(174, 2, (512 * MiB / 4096) - 176), map.Totals);
        Assert.Equal(PageState.Private, map.StateAt(new Gpa(0x80_0000)));
        Assert.Equal(PageState.Shared, map.StateAt(new Gpa(0x1000)));
        Assert.Equal(3UL, map.Generation);
        Assert.Equal(
            [Range(0x80_0000, 0x81_0000), Pages(0, 160), Pages(1, 2)],
            seen.OfType<MapGpaRangeRequest>().Select(static request => request.Range));
    }

    private static SharedRegionMap Labelled(SharedRegionTracker tracker) =>
        MapAttribution.Label(tracker.Snapshot(), new AttributionEvidence { Conversions = ConversionAnalysis.OfJournal(tracker) });

    private static SharedRegionTracker LinuxStart(ulong swiotlbPages = 16384)
    {
        SharedRegionTracker tracker = Tracker(Range(0, 512 * MiB));
        Start(tracker, swiotlbPages);
        return tracker;
    }

    // In the order in which Debian's 6.1 was seen to do it.
    private static void Start(SharedRegionTracker tracker, ulong swiotlbPages)
    {
        _ = tracker.Set(Pages(0, 160), PageState.Private);
        _ = tracker.Set(Range(MiB, 512 * MiB), PageState.Private);
        _ = tracker.Set(Pages(0x3600, 512), PageState.Shared);
        for (int i = 0; i < 3; i++)
        {
            _ = tracker.Set(Pages(0x1f233, 1), PageState.Shared);
        }

        for (ulong frame = 0x1f200 - swiotlbPages; frame < 0x1f200; frame += 512)
        {
            _ = tracker.Set(Pages(frame, 512), PageState.Shared);
        }

        for (ulong frame = 0x100; frame < 0x120; frame++)
        {
            _ = tracker.Set(Pages(frame, 1), PageState.Shared);
        }

        for (ulong frame = 0x3603; frame < 0x3800; frame++)
        {
            _ = tracker.Set(Pages(frame, 1), PageState.Private);
        }
    }

    private static List<string> Words(SharedRegionMap map) =>
        [.. map.Labels.Select(static label => $"{label.Range.Start} {label.Label.Text} {label.Label.Certainty}")];
}
