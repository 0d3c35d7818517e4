using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Sharing;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class MapGpaRangeHandlerTests
{
    private const ulong RamBytes = 64UL << 20;
    private readonly SharedRegionTracker _tracker = new([new GpaRange(new Gpa(0), RamBytes)]);

    [Fact]
    public void Handle_AlwaysWritesTheResult()
    {
        MapGpaRangeHandler handler = Create();

        Assert.Equal(0u, Call(handler, 0x1000, 1, 0).Ret);
        Assert.Equal(unchecked((ulong)-22), Call(handler, 0x1001, 1, 0).Ret);
        Assert.Equal(unchecked((ulong)-1000), Call(handler, 0x1000, 1, 0, number: 11).Ret);
    }

    [Fact]
    public void Handle_WhenTheGuestWasNotOfferedTheCall_RefusesAndRecordsNothing()
    {
        MapGpaRangeHandler handler = Create(isOffered: false);

        Assert.Equal(unchecked((ulong)-1000), Call(handler, 0x1000, 1, 0).Ret);
        Assert.Equal(0u, _tracker.Generation);
        Assert.Equal(0, handler.Statistics.Accepted);
    }

    [Fact]
    public void Handle_OutsideRam_IsCountedByCause()
    {
        MapGpaRangeHandler handler = Create();

        Call(handler, RamBytes, 1, 0);
        Call(handler, RamBytes - 0x1000, 2, 0);

        Assert.Equal(2, handler.Statistics.GetRejected(MapGpaRangeError.OutsideMemory));
        Assert.Equal(2, handler.Statistics.Rejected);
    }

    [Fact]
    public void Handle_TheSameArguments_MeanTheOppositeInTheTwoAbis()
    {
        Call(Create(), 0x1000, 1, 1);
        Call(Create(abi: HypercallAbi.PageEncStatus), 0x2000, 1, 1);

        Assert.Equal(PageState.Shared, _tracker.Get(new Gpa(0x1000)));
        Assert.Equal(PageState.Private, _tracker.Get(new Gpa(0x2000)));
    }

    [Fact]
    public void Handle_MillionRandomCalls_GivesTheMapOfANaiveReplayOfItsEventLog()
    {
        const int Calls = 1_000_000;
        int seed = Seeds.Next();
        var random = new Random(seed);
        string path = Path.GetTempFileName();
        try
        {
            long accepted;
            using (EventLog log = EventLog.Create(path, 0))
            {
                MapGpaRangeHandler handler = Create(log);
                for (int i = 0; i < Calls; i++)
                {
                    (ulong gpa, ulong pages, ulong attributes) = RandomCall(random);
                    Call(handler, gpa, pages, attributes);
                }

                accepted = handler.Statistics.Accepted;
                Assert.Equal(Calls, accepted + handler.Statistics.Rejected);
                Assert.True(handler.Statistics.Rejected > 1000, "the random calls must contain bad ones");
            }

            var naive = new NaiveMap([(0, RamBytes)]);
            naive.Replay(EventLogReader.ReadMapGpaRangeCalls(path));

            using var json = new MemoryStream();
            SharedRegionMapJson.Write(_tracker.Snapshot(), json);
            Assert.Null(naive.FindDifferenceInJson(System.Text.Encoding.UTF8.GetString(json.ToArray())));
            Assert.Equal(accepted, naive.Accepted);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Handling_AllocatesNothingOnceThePoolIsThere()
    {
        MapGpaRangeHandler handler = Create();
        for (ulong page = 0; page < RamBytes >> 12; page += 2)
        {
            Call(handler, page << 12, 1, 0);
        }

        Assert.Equal(0, Allocations.InBestRound(() => MakeCalls(handler)));
    }

    private static void MakeCalls(MapGpaRangeHandler handler)
    {
        KvmRunHypercall call = new() { Nr = MapGpaRangeHandler.HypercallNumber };
        for (int i = 0; i < 10_000; i++)
        {
            call.Arg0 = (ulong)i << 12;
            call.Arg1 = (ulong)i & 3;
            call.Arg2 = (i & 4) == 0 ? 0x10u : 0;
            handler.Handle(ref call, 0);
        }
    }

    /// <summary>Overlapping, wrapping, huge, single and malformed calls.</summary>
    private static (ulong Gpa, ulong Pages, ulong Attributes) RandomCall(Random random)
    {
        ulong attributes = random.Next(20) == 0 ? (ulong)random.NextInt64() : (uint)random.Next(3) | (random.Next(2) == 0 ? 0x10u : 0);
        ulong page = (ulong)random.Next((int)(RamBytes >> 12) + 16);
        return random.Next(10) switch
        {
            0 => (0, RamBytes >> 12, attributes),
            1 => (page << 12, (ulong)random.NextInt64(), attributes),
            2 => ((page << 12) + (ulong)random.Next(3), 1, attributes),
            3 => (ulong.MaxValue << 12, (ulong)random.Next(4), attributes),
            < 7 => (page << 12, 1, attributes),
            _ => (page << 12, (ulong)random.Next(2048), attributes),
        };
    }

    private static KvmRunHypercall Call(MapGpaRangeHandler handler, ulong gpa, ulong pages, ulong attributes, ulong number = 12)
    {
        KvmRunHypercall call = new() { Nr = number, Arg0 = gpa, Arg1 = pages, Arg2 = attributes, Ret = 0xBAD };
        Assert.Equal(VcpuAction.Resume, handler.Handle(ref call, 0));
        return call;
    }

    private MapGpaRangeHandler Create(EventLog? log = null, HypercallAbi abi = HypercallAbi.MapGpaRange, bool isOffered = true) =>
        new(abi, isOffered, _tracker, log, new BoundedLog(Serilog.Core.Logger.None));
}
