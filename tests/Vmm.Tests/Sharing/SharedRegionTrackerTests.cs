using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class SharedRegionTrackerTests
{
    private const ulong GiB = 1UL << 30;
    private const ulong PagesPerGiB = GiB / 4096;

    [Fact]
    public void New_Tracker_KnowsNothing()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000), Range(0x100000, 0x200000));
        Assert.Equal(0UL, tracker.Generation);
        Assert.Equal(new PageTotals(0, 0, 160 + 256), tracker.Totals);
        Assert.Equal(PageState.Unreported, tracker.Get(new Gpa(0x1000)));
        Assert.Equal(
            [
                new SharedRegionRun(Range(0, 0xa0000), PageState.Unreported, null),
                new SharedRegionRun(Range(0x100000, 0x200000), PageState.Unreported, null),
            ],
            tracker.Snapshot().EnumerateRuns());
    }

    [Fact]
    public void New_RamRangesThatTouch_AreOne()
    {
        SharedRegionTracker tracker = Tracker(Range(0x8000, 0xa000), Range(0, 0x8000));
        Assert.Equal([Range(0, 0xa000)], tracker.Ram);
        Assert.True(tracker.IsRam(Range(0x7000, 0x9000)));
        _ = tracker.Set(Range(0x7000, 0x9000), PageState.Shared);
        Assert.Equal(3, tracker.Snapshot().EnumerateRuns().Count());
    }

    public static TheoryData<GpaRange[]> NotRam => new()
    {
        Array.Empty<GpaRange>(),
        new[] { Range(0, 0) },
        new[] { Range(0x10, 0x1010) },
        new[] { Range(0, 0x1001) },
        new[] { Range(0, 0x2000), Range(0x1000, 0x3000) },
        new[] { Range(1UL << 52, (1UL << 52) + 0x1000) },
    };

    [Theory]
    [MemberData(nameof(NotRam))]
    public void New_WhatCannotBeRam_IsRefused(GpaRange[] ram) => Assert.Throws<ArgumentException>(() => Tracker(ram));

    [Fact]
    public void New_WordsThatNoMapCanCarry_AreRefusedAtOnce()
    {
        Assert.Throws<ArgumentException>(() => new SharedRegionTracker([Range(0, 0x1000)], Options with { Mode = "two words" }));
        Assert.Throws<ArgumentException>(() => new SharedRegionTracker([Range(0, 0x1000)], Options with { Mode = "sev\n" }));
        Assert.Throws<ArgumentException>(() => new SharedRegionTracker([Range(0, 0x1000)], Options with { CBit = 64 }));
    }

    public static TheoryData<GpaRange> NotSettable => new()
    {
        Range(0x1000, 0x1000),
        Range(0x1000, 0x1800),
        Range(0x1800, 0x2800),
        Range(0x9f000, 0xa1000),
        Range(0x9f000, 0x101000),
        Range(0xa0000, 0xa1000),
        Range(0x1ff000, 0x201000),
        Range(0, 1UL << 52),
    };

    [Theory]
    [MemberData(nameof(NotSettable))]
    public void Set_NotWholePagesOfRam_ThrowsAndChangesNothing(GpaRange range)
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000), Range(0x100000, 0x200000));
        Assert.Throws<ArgumentException>(() => tracker.Set(range, PageState.Shared));
        Assert.Equal(0UL, tracker.Generation);
        Assert.Equal(new PageTotals(0, 0, 160 + 256), tracker.Totals);
    }

    [Fact]
    public void Set_UnknownStateOrVcpu_ThrowsAndChangesNothing()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0xa0000));
        Assert.Throws<ArgumentException>(() => tracker.Set(Range(0, 0x1000), (PageState)3));
        Assert.Throws<ArgumentException>(() => tracker.Set(Range(0, 0x1000), PageState.Shared, -2));
        Assert.Throws<ArgumentException>(() => tracker.Set(Range(0, 0x1000), PageState.Shared, 32768));
        Assert.Equal(0UL, tracker.Generation);
    }

    [Fact]
    public void Set_EveryAcceptedCall_CountsOneGeneration_AlsoWhenItChangesNothing()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0x100000));
        Assert.Equal(1UL, tracker.Set(Pages(0, 4), PageState.Private));
        Assert.Equal(2UL, tracker.Set(Pages(0, 4), PageState.Private));
        Assert.Equal(3UL, tracker.Set(Pages(2, 1), PageState.Unreported));
        Assert.Equal(3UL, tracker.Generation);
    }

    [Fact]
    public void Set_AdjacentRanges_AreOneRun()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0x100000));
        _ = tracker.Set(Pages(0, 16), PageState.Private);
        _ = tracker.Set(Pages(16, 240), PageState.Private);
        Assert.Equal([new SharedRegionRun(Range(0, 0x100000), PageState.Private, null)], tracker.Snapshot().EnumerateRuns());
    }

    [Fact]
    public void Set_RangeOverAnother_SplitsIt()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 4 * GiB));
        _ = tracker.Set(Range(0, 4 * GiB), PageState.Private);
        _ = tracker.Set(Range(GiB - 0x1000, GiB + 0x1000), PageState.Shared);
        Assert.Equal(
            [
                new SharedRegionRun(Range(0, GiB - 0x1000), PageState.Private, null),
                new SharedRegionRun(Range(GiB - 0x1000, GiB + 0x1000), PageState.Shared, null),
                new SharedRegionRun(Range(GiB + 0x1000, 4 * GiB), PageState.Private, null),
            ],
            tracker.Snapshot().EnumerateRuns());
        Assert.Equal(new PageTotals((4 * PagesPerGiB) - 2, 2, 0), tracker.Totals);
    }

    [Fact]
    public void Get_AnyAddressInAPage_IsThePagesState_AndNothingIsKnownOutsideRam()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 0x100000));
        _ = tracker.Set(Range(0x1000, 0x2000), PageState.Shared);
        Assert.Equal(PageState.Unreported, tracker.Get(new Gpa(0xfff)));
        Assert.Equal(PageState.Shared, tracker.Get(new Gpa(0x1000)));
        Assert.Equal(PageState.Shared, tracker.Get(new Gpa(0x1fff)));
        Assert.Equal(PageState.Unreported, tracker.Get(new Gpa(0x2000)));
        Assert.Equal(PageState.Unreported, tracker.Get(new Gpa(1UL << 52)));
        Assert.Equal(PageState.Unreported, tracker.Get(new Gpa(ulong.MaxValue)));
    }

    [Fact]
    public void Set_PageByPageOverABlock_CollapsesIt_SoThatTheNextBlockReusesItsMemory()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 4 * GiB));
        _ = tracker.Set(Pages(0, 1), PageState.Shared);
        long one = tracker.AllocatedBytes;
        for (ulong page = 0; page < 4 * PagesPerGiB; page++)
        {
            _ = tracker.Set(Pages(page, 1), PageState.Shared);
        }

        Assert.Equal(one, tracker.AllocatedBytes);
        Assert.Equal(new PageTotals(0, 4 * PagesPerGiB, 0), tracker.Totals);
        Assert.Single(tracker.Snapshot().EnumerateRuns());
    }

    [Fact]
    public void Set_LastPageOfABlock_CollapsesEveryLevelAboveIt()
    {
        // Each GiB but its last page, then that page: its leaf, its node, and after 512 of them the node above, all become one entry.
        SharedRegionTracker tracker = Tracker(Range(0, 1024 * GiB));
        long most = 0;
        for (ulong block = 0; block < 1024; block++)
        {
            _ = tracker.Set(Pages(block * PagesPerGiB, PagesPerGiB - 1), PageState.Private);
            _ = tracker.Set(Pages(((block + 1) * PagesPerGiB) - 1, 1), PageState.Private);
            most = block == 0 ? tracker.AllocatedBytes : most;
        }

        Assert.Equal(most, tracker.AllocatedBytes);
        Assert.Equal(new PageTotals(1024 * PagesPerGiB, 0, 0), tracker.Totals);
    }

    [Fact]
    public void Set_AlternatingPagesOver64GiB_StayBelow5MiB_AndBelowTheBoundGivenBefore()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 3 * GiB), Range(4 * GiB, 65 * GiB));
        Assert.InRange(tracker.MaximumBytes, 4 << 20, 5 << 20);
        foreach (GpaRange ram in tracker.Ram)
        {
            for (ulong gpa = ram.Start.Value; gpa < ram.End.Value; gpa += 0x2000)
            {
                _ = tracker.Set(new GpaRange(new Gpa(gpa), 0x1000), PageState.Shared);
            }
        }

        Assert.InRange(tracker.AllocatedBytes, 4 << 20, tracker.MaximumBytes);
        Assert.Equal(new PageTotals(0, 32 * PagesPerGiB, 32 * PagesPerGiB), tracker.Totals);

        // All of it away and back again, in another phase: nothing more is needed.
        _ = tracker.Set(tracker.Ram[1], PageState.Private);
        for (ulong gpa = (4 * GiB) + 0x1000; gpa < 65 * GiB; gpa += 0x2000)
        {
            _ = tracker.Set(new GpaRange(new Gpa(gpa), 0x1000), PageState.Shared);
        }

        Assert.InRange(tracker.AllocatedBytes, 4 << 20, tracker.MaximumBytes);
        Assert.Equal(new PageTotals(61 * PagesPerGiB / 2, 64 * PagesPerGiB / 2, 3 * PagesPerGiB / 2), tracker.Totals);
    }

    [Fact]
    public void AllocatedBytes_WhateverAGuestDoes_StaysBelowMaximumBytes()
    {
        // Blocks that are cut by holes, and storms that make and discard subtrees of every height.
        SharedRegionTracker tracker = Tracker(Pages(3, 700), Pages(5000, 3), Pages((1UL << 18) - 5, 3000), Pages((1UL << 27) - 600, 1200));
        Random random = new(1);
        for (int storm = 0; storm < 200; storm++)
        {
            GpaRange ram = tracker.Ram[random.Next(tracker.Ram.Count)];
            for (ulong page = 0; page < ram.PageCount; page += (ulong)random.Next(1, 4))
            {
                _ = tracker.Set(new GpaRange(ram.Start + (page << 12), 0x1000), (PageState)random.Next(3));
            }

            _ = tracker.Set(Inside(random, ram), PageState.Private);
            Assert.InRange(tracker.AllocatedBytes, 0, tracker.MaximumBytes);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Set_RangesOf1TiB_AreNotWalkedPageByPage()
    {
        // 2^28 pages a call: at one nanosecond a page this would take 20 minutes.
        await Task.Run(
            () =>
            {
                SharedRegionTracker tracker = Tracker(Range(0, 1024 * GiB));
                for (ulong i = 0; i < 5_000; i++)
                {
                    _ = tracker.Set(Pages(1, (1UL << 28) - 2), (i & 1) == 0 ? PageState.Private : PageState.Shared);
                }

                Assert.Equal(new PageTotals(0, (1UL << 28) - 2, 2), tracker.Totals);
            },
            TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Set_InSteadyState_AllocatesNothing()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 4 * GiB));

        Assert.Equal(0, Allocations.InBestRound(() => Storm(tracker)));

        static void Storm(SharedRegionTracker tracker)
        {
            _ = tracker.Set(Range(0, 4 * GiB), PageState.Private);
            for (ulong page = 0; page < 100_000; page += 3)
            {
                _ = tracker.Set(Pages(page, 2), PageState.Shared, 7);
                _ = tracker.Get(new Gpa(page << 12));
                _ = tracker.Totals;
            }
        }
    }

    [Fact]
    public void Snapshot_OfAnyPattern_CopiesNothing()
    {
        SharedRegionTracker tracker = Tracker(Range(0, 4 * GiB));
        for (ulong page = 0; page < 4 * PagesPerGiB; page += 2)
        {
            _ = tracker.Set(Pages(page, 1), PageState.Shared);
        }

        _ = tracker.Snapshot();
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = tracker.Snapshot();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 1024);
    }

    [Fact]
    public void Snapshot_LaterCalls_DoNotChangeIt()
    {
        SharedRegionTracker tracker = Tracker(Pages(0, 5000), Pages((1UL << 18) - 5, 3000));
        Random random = new(2);
        List<(SharedRegionMap Map, SharedRegionRun[] Runs, PageTotals Totals)> taken = [];
        for (int i = 0; i < 3000; i++)
        {
            _ = tracker.Set(Inside(random, tracker.Ram[random.Next(2)]), (PageState)random.Next(3));
            if (i % 100 == 0)
            {
                SharedRegionMap map = tracker.Snapshot();
                taken.Add((map, [.. map.EnumerateRuns()], map.Totals));
            }
        }

        Assert.All(taken, static snapshot =>
        {
            Assert.Equal(snapshot.Runs, snapshot.Map.EnumerateRuns());
            Assert.Equal(snapshot.Totals, snapshot.Map.Totals);
        });
        Assert.True(taken.Select(static snapshot => snapshot.Totals).Distinct().Count() > 20, "the maps differ, so something was tested");
    }

    [Fact]
    public void Snapshot_CarriesEverythingOfOneMoment()
    {
        SharedRegionTracker tracker = new([Range(0, 0x100000)], Options with { MemoryBytes = 0x200000 });
        _ = tracker.Set(Pages(0, 4), PageState.Shared);
        tracker.MigrationReady = true;
        SharedRegionMap map = tracker.Snapshot();
        tracker.MigrationReady = false;
        _ = tracker.Set(Pages(0, 4), PageState.Private);

        Assert.Equal("simulated", map.Mode);
        Assert.Equal(39, map.CBit);
        Assert.Equal(0x200000UL, map.MemoryBytes);
        Assert.Equal(1UL, map.Generation);
        Assert.Equal(CapturedAt, map.CapturedAt);
        Assert.True(map.MigrationReady);
        Assert.Equal(new PageTotals(0, 4, 252), map.Totals);
        Assert.Equal(PageState.Shared, map.StateAt(new Gpa(0)));
    }

    [Fact]
    public async Task Snapshot_WhileOthersSet_NeverShowsHalfACall()
    {
        // Each call paints all of RAM, so every true map is one run, and its totals and generation are those of one call.
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        SharedRegionTracker tracker = Tracker(Pages(100, 600_000));
        _ = tracker.Set(tracker.Ram[0], PageState.Private);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        Task[] writers = [.. Enumerable.Range(0, 2).Select(vcpu => Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    _ = tracker.Set(tracker.Ram[0], PageState.Shared, vcpu);
                    _ = tracker.Set(tracker.Ram[0], PageState.Private, vcpu);
                }
            },
            cancelled))];
        int runs = 0;
        for (int i = 0; i < 3000; i++)
        {
            SharedRegionMap map = tracker.Snapshot();
            SharedRegionRun[] found = [.. map.EnumerateRuns()];
            runs += found.Length;
            Assert.Single(found);
            Assert.Equal(found[0].State == PageState.Shared ? 600_000UL : 0, map.Totals.SharedPages);
            Assert.Equal(600_000UL, map.Totals.SharedPages + map.Totals.PrivatePages);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Assert.Equal(3000, runs);
    }

    [Fact]
    public async Task Set_FromManyThreads_LosesNoCall()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        SharedRegionTracker tracker = Tracker(Pages(0, 40_000));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(vcpu => Task.Run(
            () =>
            {
                for (ulong page = (ulong)vcpu; page < 40_000; page += 4)
                {
                    _ = tracker.Set(Pages(page, 1), vcpu % 2 == 0 ? PageState.Shared : PageState.Private, vcpu);
                }
            },
            cancelled)));
        Assert.Equal(40_000UL, tracker.Generation);
        Assert.Equal(new PageTotals(20_000, 20_000, 0), tracker.Totals);
        Assert.Equal(40_000, tracker.Snapshot().EnumerateRuns().Count());
    }
}
