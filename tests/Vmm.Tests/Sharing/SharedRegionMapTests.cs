using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class SharedRegionMapTests(ITestOutputHelper output)
{
    private static readonly RangeLabel Zero = new("zero page", LabelCertainty.Exact);
    private static readonly RangeLabel Pool = new("swiotlb", LabelCertainty.Likely);

    [Fact]
    public void EnumerateRuns_RandomMaps_CoverRamExactlyAndMaximally()
    {
        Random random = new(Seed(output));
        for (int i = 0; i < 500; i++)
        {
            SharedRegionMap map = SampleMaps.Random(random);
            SharedRegionRun[] runs = [.. map.EnumerateRuns()];
            int next = 0;
            foreach (GpaRange ram in map.Ram)
            {
                Gpa at = ram.Start;
                while (at < ram.End)
                {
                    SharedRegionRun run = runs[next];
                    Assert.Equal(at, run.Range.Start);
                    bool goesOn = at != ram.Start && run.State == runs[next - 1].State && run.Label == runs[next - 1].Label;
                    Assert.False(goesOn, "a run goes on from the one before");
                    for (ulong page = 0; page < Math.Min(run.Range.PageCount, 50); page++)
                    {
                        Assert.Equal(run.State, map.StateAt(at + (page << 12)));
                    }

                    at = run.Range.End;
                    next++;
                }

                Assert.Equal(ram.End, at);
            }

            Assert.Equal(runs.Length, next);
            ulong Sum(PageState state) => (ulong)runs.Where(run => run.State == state).Sum(static run => (long)run.Range.PageCount);
            Assert.Equal(new PageTotals(Sum(PageState.Private), Sum(PageState.Shared), Sum(PageState.Unreported)), map.Totals);
        }
    }

    [Fact]
    public void StateAt_OutsideRam_IsNothing()
    {
        SharedRegionMap map = Tracker(Range(0x1000, 0x3000)).Snapshot();
        Assert.Null(map.StateAt(new Gpa(0xfff)));
        Assert.Equal(PageState.Unreported, map.StateAt(new Gpa(0x1000)));
        Assert.Equal(PageState.Unreported, map.StateAt(new Gpa(0x2fff)));
        Assert.Null(map.StateAt(new Gpa(0x3000)));
        Assert.Null(map.StateAt(new Gpa(ulong.MaxValue)));
    }

    [Fact]
    public void WithLabels_LabelsSplitRuns_AndDoNotChangeStates()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0x10000));
        _ = tracker.Set(Range(0, 0x8000), PageState.Private);
        SharedRegionMap plain = tracker.Snapshot();
        SharedRegionMap map = plain.WithLabels(
            [new LabelledRange(Range(0x2000, 0x3000), Zero), new LabelledRange(Range(0x6000, 0xa000), Pool)]);
        Assert.Equal(
            [
                new SharedRegionRun(Range(0, 0x2000), PageState.Private, null),
                new SharedRegionRun(Range(0x2000, 0x3000), PageState.Private, Zero),
                new SharedRegionRun(Range(0x3000, 0x6000), PageState.Private, null),
                new SharedRegionRun(Range(0x6000, 0x8000), PageState.Private, Pool),
                new SharedRegionRun(Range(0x8000, 0xa000), PageState.Unreported, Pool),
                new SharedRegionRun(Range(0xa000, 0x10000), PageState.Unreported, null),
            ],
            map.EnumerateRuns());
        Assert.Equal(plain.Totals, map.Totals);
        Assert.Empty(plain.Labels);
        Assert.Empty(SharedRegionMap.Diff(plain, map));
    }

    [Fact]
    public void WithLabels_EqualLabelsThatTouch_AreOne()
    {
        RangeLabel equal = new("swiotlb", LabelCertainty.Likely);
        SharedRegionMap map = Tracker(Range(0, 0x10000)).Snapshot()
            .WithLabels([new LabelledRange(Range(0, 0x1000), Pool), new LabelledRange(Range(0x1000, 0x2000), equal)]);
        Assert.Equal([new LabelledRange(Range(0, 0x2000), Pool)], map.Labels);
    }

    public static TheoryData<GpaRange, GpaRange> BadLabels => new()
    {
        { Range(0, 0x1000), Range(0, 0x1000) },
        { Range(0x2000, 0x3000), Range(0, 0x1000) },
        { Range(0, 0x1000), Range(0x1800, 0x2000) },
        { Range(0, 0x1000), Range(0x2000, 0x2000) },
        { Range(0, 0x1000), Range(0xf000, 0x11000) },
        { Range(0, 0x1000), Range(0xf000, 0x21000) },
    };

    [Theory]
    [MemberData(nameof(BadLabels))]
    public void WithLabels_UnsortedOverlappingOrOutsideRam_IsRefused(GpaRange first, GpaRange second)
    {
        SharedRegionMap map = Tracker(Range(0, 0x10000), Range(0x20000, 0x30000)).Snapshot();
        Assert.Throws<ArgumentException>(() => map.WithLabels([new LabelledRange(first, Zero), new LabelledRange(second, Pool)]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("\u001b[31m")]
    [InlineData("a\u202eb")]
    [InlineData("a\u2028b")]
    public void RangeLabel_TextThatCouldMoveACursor_IsRefused(string text) =>
        Assert.Throws<ArgumentException>(() => new RangeLabel(text, LabelCertainty.Exact));

    [Fact]
    public void RangeLabel_HalfASurrogatePair_IsRefused()
    {
        // Not as InlineData: an attribute's text is stored as UTF-8, which has no half pairs.
        Assert.Throws<ArgumentException>(() => new RangeLabel("\ud800", LabelCertainty.Exact));
        Assert.Throws<ArgumentException>(() => new RangeLabel("x\udc00y", LabelCertainty.Exact));
    }

    [Fact]
    public void RangeLabel_LengthLimit_Is256()
    {
        Assert.Equal(256, new RangeLabel(new string('a', 256), LabelCertainty.Exact).Text.Length);
        Assert.Throws<ArgumentException>(() => new RangeLabel(new string('a', 257), LabelCertainty.Exact));
        Assert.Equal("\U0001f600", new RangeLabel("\U0001f600", LabelCertainty.Exact).Text);
    }

    [Fact]
    public void Diff_TwoMoments_ListsWhatChanged()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0x10000), Range(0x20000, 0x30000));
        _ = tracker.Set(Range(0, 0x8000), PageState.Private);
        SharedRegionMap before = tracker.Snapshot();
        _ = tracker.Set(Range(0x4000, 0xc000), PageState.Shared);
        _ = tracker.Set(Range(0x20000, 0x21000), PageState.Private);
        SharedRegionMap after = tracker.Snapshot();
        Assert.Equal(
            [
                new SharedRegionChange(Range(0x4000, 0x8000), PageState.Private, PageState.Shared),
                new SharedRegionChange(Range(0x8000, 0xc000), PageState.Unreported, PageState.Shared),
                new SharedRegionChange(Range(0x20000, 0x21000), PageState.Unreported, PageState.Private),
            ],
            SharedRegionMap.Diff(before, after));
        Assert.Empty(SharedRegionMap.Diff(after, after));
    }

    [Fact]
    public void Diff_DifferentRam_ShowsWhatIsRamInOneOnly()
    {
        SharedRegionMap before = Tracker(Range(0, 0x4000), Range(0x8000, 0x9000)).Snapshot();
        SharedRegionMap after = Tracker(Range(0x2000, 0x6000)).Snapshot();
        Assert.Equal(
            [
                new SharedRegionChange(Range(0, 0x2000), PageState.Unreported, null),
                new SharedRegionChange(Range(0x4000, 0x6000), null, PageState.Unreported),
                new SharedRegionChange(Range(0x8000, 0x9000), PageState.Unreported, null),
            ],
            SharedRegionMap.Diff(before, after));
    }

    [Fact]
    public void Diff_RandomMaps_IsWhatComparingPageByPageGives()
    {
        Random random = new(Seed(output));
        for (int i = 0; i < 300; i++)
        {
            GpaRange[] ram = [Pages(0, 600), Pages(1000, 1500)];
            GpaRange[] otherRam = random.Next(2) == 0 ? ram : [Pages(0, 1200), Pages(1400, 300), Pages(2000, 800)];
            SharedRegionMap before = Painted(ram);
            SharedRegionMap after = Painted(otherRam);
            List<SharedRegionChange> expected = [];
            for (ulong page = 0; page < 3000; page++)
            {
                Gpa gpa = new(page << 12);
                PageState? old = before.StateAt(gpa);
                PageState? now = after.StateAt(gpa);
                if (old != now)
                {
                    ulong start = expected.Count > 0 ? expected[^1].Range.Start.Value : 0;
                    if (expected.Count > 0 && expected[^1] == new SharedRegionChange(Range(start, gpa.Value), old, now))
                    {
                        expected[^1] = new SharedRegionChange(Range(start, gpa.Value + 0x1000), old, now);
                    }
                    else
                    {
                        expected.Add(new SharedRegionChange(Pages(page, 1), old, now));
                    }
                }
            }

            Assert.Equal(expected, SharedRegionMap.Diff(before, after));
        }

        SharedRegionMap Painted(GpaRange[] ram)
        {
            SharedRegionTracker tracker = Tracker(ram);
            for (int i = 0; i < 20; i++)
            {
                _ = tracker.Set(Inside(random, ram[random.Next(ram.Length)]), (PageState)random.Next(3));
            }

            return tracker.Snapshot();
        }
    }
}
