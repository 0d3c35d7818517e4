using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KvmSevVmm.TestSupport.Sharing;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Sharing.SampleMaps;

namespace KvmSevVmm.Vmm.Tests.Sharing;

/// <summary>The tracker against a byte for each page.</summary>
public sealed class SharedRegionTrackerRandomTests(ITestOutputHelper output)
{
    private const int Calls = 1_000_000;

    // Low memory, a block across a 1 GiB border, one across a 512 GiB border, odd pages, and the top of the address space.
    private static readonly GpaRange[] Ram =
    [
        Range(0, 0xa0000),
        Range(0x100000, 0x2100000),
        Range(0x3f000000, 0x42000000),
        Range(0x50003000, 0x50006000),
        Range(0x7fff000000, 0x8001000000),
        Range((1UL << 52) - 0x1000000, 1UL << 52),
    ];

    [Theory]
    [InlineData(HypercallAbi.MapGpaRange)]
    [InlineData(HypercallAbi.PageEncStatus)]
    public void AMillionRandomCalls_GiveTheMapOfANaiveArray(HypercallAbi abi)
    {
        Random random = new(Seed(output));
        SharedRegionTracker tracker = Tracker(Ram);
        NaiveMap naive = new(Ram.Select(static range => (range.Start.Value, range.End.Value)), abi == HypercallAbi.PageEncStatus);
        int[] refused = new int[Enum.GetValues<MapGpaRangeError>().Length];
        for (int call = 1; call <= Calls; call++)
        {
            (ulong gpa, ulong pages, ulong attributes) = RandomCall(random, abi);
            bool parsed = MapGpaRangeRequest.TryParse(
                gpa, pages, attributes, abi, out MapGpaRangeRequest request, out MapGpaRangeError error);
            bool accepted = parsed && tracker.IsRam(request.Range);
            if (accepted)
            {
                _ = tracker.Set(request.Range, request.State, call & 7);
            }

            refused[(int)error] += accepted ? 0 : 1;
            Assert.Equal(naive.TryApply(gpa, pages, attributes), accepted);
            if (call % 50_000 == 0)
            {
                AssertSame(naive, tracker, random);
            }
        }

        Assert.InRange((long)tracker.Generation, Calls / 2, Calls - 1);
        Assert.True(refused[(int)MapGpaRangeError.None] > 1000, "calls outside RAM were among them");
        Assert.True(refused[(int)MapGpaRangeError.RangeOverflow] > 1000, "wrapping calls were among them");
        using MemoryStream json = new();
        SharedRegionMapJson.Write(tracker.Snapshot(), json);
        Assert.Null(naive.FindDifferenceInJson(Encoding.UTF8.GetString(json.ToArray())));
    }

    [Fact]
    public void RandomCallsOfEverySizeOver2TiB_GiveTheMapOfASortedList()
    {
        // Too large for a byte a page: here the model is a list of runs. Borders lie on and beside those of every level of the tree.
        const ulong Frames = 1UL << 29;
        Random random = new(Seed(output));
        SharedRegionTracker tracker = Tracker(Pages(0, Frames));
        List<(ulong End, PageState State)> model = [(Frames, PageState.Unreported)];
        for (int call = 0; call < 20_000; call++)
        {
            ulong first = Math.Min(Frames - 1, Border());
            ulong last = Math.Max(first, Math.Min(Frames - 1, random.Next(3) == 0 ? Border() : first + (1UL << random.Next(30))));
            PageState state = (PageState)random.Next(3);
            _ = tracker.Set(Pages(first, last - first + 1), state);
            Paint(first, last + 1, state);
            Assert.Equal((Count(PageState.Private), Count(PageState.Shared)), (tracker.Totals.PrivatePages, tracker.Totals.SharedPages));
            if (call % 20 == 0)
            {
                IEnumerable<SharedRegionRun> runs = tracker.Snapshot().EnumerateRuns();
                Assert.Equal(model, runs.Select(static run => (run.Range.End.Value >> 12, run.State)));
                Assert.InRange(tracker.AllocatedBytes, 0, tracker.MaximumBytes);
            }
        }

        ulong Border()
        {
            int level = random.Next(4) * 9;
            ulong block = (ulong)random.NextInt64((long)(Frames >> level) + 1);
            block = random.Next(3) == 0 ? block : block & 3;
            return (ulong)Math.Max(0, (long)(block << level) + random.Next(-1, 2));
        }

        void Paint(ulong start, ulong end, PageState state)
        {
            List<(ulong End, PageState State)> painted = [];
            ulong from = 0;
            foreach ((ulong runEnd, PageState runState) in model)
            {
                Add(Math.Min(runEnd, start), runState);
                Add(Math.Min(runEnd, end), state);
                Add(runEnd, runState);
            }

            model = painted;

            void Add(ulong to, PageState what)
            {
                if (to > from)
                {
                    if (painted.Count > 0 && painted[^1].State == what)
                    {
                        painted.RemoveAt(painted.Count - 1);
                    }

                    painted.Add((to, what));
                    from = to;
                }
            }
        }

        ulong Count(PageState state)
        {
            ulong count = 0;
            ulong start = 0;
            foreach ((ulong end, PageState runState) in model)
            {
                count += runState == state ? end - start : 0;
                start = end;
            }

            return count;
        }
    }

    [Fact]
    public void AnyCalls_OnAnyRam_GiveTheMapOfANaiveArray()
    {
        Gen<int> step = Gen.Frequency((4, Gen.Choose(1, 3)), (2, Gen.Choose(4, 600)), (1, Gen.Choose(512 * 509, 512 * 515)));
        Gen<(int, int, int)> call =
            from start in Gen.Choose(0, 99) from length in Gen.Choose(1, 99) from state in Gen.Choose(0, 2) select (start, length, state);
        Gen<(GpaRange[] Ram, (int, int, int)[] Calls)> cases =
            from gaps in step.ListOf(3)
            from sizes in step.ListOf(3)
            from calls in call.ListOf()
            select (Layout([.. gaps], [.. sizes]), calls.ToArray());
        Prop.ForAll(Arb.From(cases), ((GpaRange[] Ram, (int Start, int Length, int State)[] Calls) input) =>
        {
            SharedRegionTracker tracker = Tracker(input.Ram);
            byte[] model = new byte[(int)(input.Ram[^1].End.Value >> 12)];
            foreach ((int start, int length, int state) in input.Calls)
            {
                // Starts and lengths are percentages, so that calls meet whatever the sizes are.
                GpaRange ram = input.Ram[start % input.Ram.Length];
                ulong first = ram.PageCount * (ulong)start / 100;
                ulong count = Math.Max(1, (ram.PageCount - first) * (ulong)length / 100);
                _ = tracker.Set(new GpaRange(ram.Start + (first << 12), count << 12), (PageState)state);
                model.AsSpan((int)(ram.Start.Value >> 12) + (int)first, (int)count).Fill((byte)state);
            }

            SharedRegionRun[] runs = [.. tracker.Snapshot().EnumerateRuns()];
            bool areTrue = runs.All(run =>
                model.AsSpan((int)(run.Range.Start.Value >> 12), (int)run.Range.PageCount).IndexOfAnyExcept((byte)run.State) < 0);
            bool areComplete = runs.Sum(static run => (long)run.Range.PageCount) == input.Ram.Sum(static range => (long)range.PageCount);
            bool areMaximal = runs.Zip(runs.Skip(1)).All(static pair => pair.First.Range.End < pair.Second.Range.Start
                || (pair.First.Range.End == pair.Second.Range.Start && pair.First.State != pair.Second.State));
            return areTrue && areComplete && areMaximal && tracker.AllocatedBytes <= tracker.MaximumBytes;
        }).Check(Config.QuickThrowOnFailure.WithQuietOnSuccess(true).WithMaxTest(300));
    }

    private static GpaRange[] Layout(int[] gaps, int[] sizes)
    {
        ulong frame = 0;
        GpaRange[] ram = new GpaRange[gaps.Length];
        for (int i = 0; i < gaps.Length; i++)
        {
            frame += (ulong)gaps[i];
            ram[i] = Pages(frame, (ulong)sizes[i]);
            frame += (ulong)sizes[i];
        }

        return ram;
    }

    private static (ulong Gpa, ulong Pages, ulong Attributes) RandomCall(Random random, HypercallAbi abi)
    {
        GpaRange ram = Ram[random.Next(Ram.Length)];
        ulong first = (ulong)random.NextInt64((long)ram.PageCount);
        ulong gpa = ram.Start.Value + (first << 12);
        ulong pages = random.Next(1000) switch
        {
            < 500 => 1,
            < 700 => (ulong)random.Next(1, 64),
            < 800 => (ulong)random.Next(1, 2000),
            < 880 => Math.Max(1, Math.Min(512, ram.PageCount - first)),
            < 890 => ram.PageCount - first,
            < 900 => 1 + (ulong)random.NextInt64(1L << random.Next(1, 52)),
            < 905 => (ulong)random.NextInt64(),
            < 910 => ulong.MaxValue - (ulong)random.Next(10),
            < 915 => 0,
            _ => Math.Max(1, Math.Min((ulong)random.Next(1, 300), ram.PageCount - first)),
        };
        gpa = random.Next(1000) switch
        {
            < 3 => ram.Start.Value,
            < 6 => gpa + 1 + (ulong)random.Next(4095),
            < 9 => ulong.MaxValue & ~0xfffUL,
            < 12 => (ulong)random.NextInt64() & ~0xfffUL,
            < 30 => gpa & ~0x1fffffUL,
            _ => gpa,
        };
        ulong attributes = abi == HypercallAbi.PageEncStatus
            ? (ulong)random.Next(random.Next(50) == 0 ? 3 : 2)
            : (ulong)(random.Next(2) * 16) + (ulong)random.Next(random.Next(50) == 0 ? 5 : 3);
        return (gpa, pages, random.Next(200) == 0 ? attributes | (1UL << random.Next(5, 64)) : attributes);
    }

    private static void AssertSame(NaiveMap naive, SharedRegionTracker tracker, Random random)
    {
        SharedRegionMap map = tracker.Snapshot();
        Assert.Null(naive.FindDifference(NaiveRuns(map)));
        Assert.Equal(new PageTotals(naive.Count("private"), naive.Count("shared"), naive.Count("unreported")), map.Totals);
        Assert.Equal((ulong)naive.Accepted, map.Generation);
        for (int i = 0; i < 1000; i++)
        {
            Gpa gpa = Inside(random, Ram[random.Next(Ram.Length)]).Start;
            Assert.Equal(naive.StateAt(gpa.Value), map.StateAt(gpa)?.ToString(), ignoreCase: true);
            Assert.Equal(map.StateAt(gpa), tracker.Get(gpa));
        }
    }
}
