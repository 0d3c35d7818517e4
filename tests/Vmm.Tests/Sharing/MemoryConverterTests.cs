using System.Globalization;
using System.Text;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class MemoryConverterTests
{
    private const ulong MiB = 1 << 20;
    private const ulong FourGiB = 1UL << 32;

    private static readonly GpaRange[] Ram =
    [
        GpaRange.FromBounds(0, 64 * MiB),
        GpaRange.FromBounds(FourGiB - (4 * MiB), FourGiB),
        GpaRange.FromBounds(FourGiB, FourGiB + (16 * MiB)),
    ];

    private readonly Recorder _kernel = new();
    private readonly SharedRegionTracker _tracker = new(Ram);

    [Fact]
    public void Hypercall_Shared_TellsTheKernelFirstAndDiscardsThePrivateHalf()
    {
        Assert.Equal(0u, Call(Create(), 0x20_0000, 512, 0));

        Assert.Equal(["attributes 0x200000 +0x200000 shared", "punch 0: 0x200000 +0x200000"], _kernel.Transcript);
        Assert.Equal(PageState.Shared, _tracker.Get(new Gpa(0x20_0000)));
    }

    [Fact]
    public void Hypercall_Private_DiscardsTheSharedHalfOfEachRangeOfRam()
    {
        // Firmware and high RAM touch; one call may name both, and each is in a memslot of its own.
        Assert.Equal(0u, Call(Create(), FourGiB - 0x1000, 2, 0x10));

        Assert.Equal(
            ["attributes 0xfffff000 +0x2000 private", "discard 0xfffff000 +0x1000", "discard 0x100000000 +0x1000"], _kernel.Transcript);
        Assert.Equal(PageState.Private, _tracker.Get(new Gpa(FourGiB)));
    }

    [Fact]
    public void Hypercall_SharedOutsideRam_IsTakenForGranted()
    {
        MapGpaRangeHandler handler = Create();

        Assert.Equal(0u, Call(handler, 0xFEC0_0000, 1, 0));
        Assert.Equal(unchecked((ulong)-22), Call(handler, 0xFEC0_0000, 1, 0x10));
        Assert.Equal(unchecked((ulong)-22), Call(handler, (64 * MiB) - 0x1000, 2, 0));

        Assert.Empty(_kernel.Transcript);
        Assert.Equal(0u, _tracker.Generation);
        Assert.Equal(2, handler.Statistics.GetRejected(MapGpaRangeError.OutsideMemory));
    }

    [Fact]
    public void Hypercall_OfAnotherMode_SharedOutsideRam_IsRefused()
    {
        MapGpaRangeHandler handler = new(HypercallAbi.MapGpaRange, true, _tracker, null, new BoundedLog(Logger.None));

        Assert.Equal(unchecked((ulong)-22), Call(handler, 0xFEC0_0000, 1, 0));
    }

    [Fact]
    public void Hypercall_TheKernelRefuses_RecordsNothingAndTellsTheGuest()
    {
        _kernel.RefusesAttributes = true;
        MapGpaRangeHandler handler = Create();

        Assert.Equal(unchecked((ulong)-22), Call(handler, 0x1000, 1, 0));

        Assert.Equal(PageState.Unreported, _tracker.Get(new Gpa(0x1000)));
        Assert.Equal(1, handler.Statistics.GetRejected(MapGpaRangeError.NotConverted));
    }

    [Fact]
    public void Hypercall_OnlyTheDiscardIsRefused_StillConverts()
    {
        _kernel.RefusesDiscard = true;
        MemoryConverter converter = new(_kernel, new BoundedLog(Logger.None));
        MapGpaRangeHandler handler = new(HypercallAbi.MapGpaRange, true, _tracker, null, new BoundedLog(Logger.None), converter);

        Assert.Equal(0u, Call(handler, 0x1000, 1, 0));

        Assert.Equal(PageState.Shared, _tracker.Get(new Gpa(0x1000)));
        Assert.Equal(1, converter.UndiscardedCount);
    }

    [Theory]
    [InlineData(true, PageState.Private, "discard 0x3000 +0x1000")]
    [InlineData(false, PageState.Shared, "punch 0: 0x3000 +0x1000")]
    public void Fault_ConvertsToWhatTheGuestMeant(bool isPrivate, PageState state, string discard)
    {
        using MemoryStream output = new();
        using (EventLog events = new(output, 0))
        {
            Assert.True(Create(events).TryConvertForFault(Fault(0x3000, 0x1000, isPrivate), 2));
        }

        Assert.Equal(state, _tracker.Get(new Gpa(0x3000)));
        Assert.Equal(discard, _kernel.Transcript[1]);
        Assert.Contains(
            $"\"event\":\"conversion\",\"vcpu\":2,\"gpa\":\"0x3000\",\"pages\":1,\"state\":\"{(isPrivate ? "private" : "shared")}\"",
            Encoding.UTF8.GetString(output.ToArray()),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xFEC0_0000UL, 0x1000UL)]
    [InlineData((64 * MiB) - 0x1000, 0x2000UL)]
    [InlineData(0x1000UL, 0UL)]
    [InlineData(0x1000UL, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 1UL)]
    [InlineData(ulong.MaxValue - 0xFFF, 0x1000UL)]
    public void Fault_ThatCannotBe_IsNotAnswered(ulong gpa, ulong size)
    {
        Assert.False(Create().TryConvertForFault(Fault(gpa, size, isPrivate: true), 0));

        Assert.Empty(_kernel.Transcript);
        Assert.Equal(0u, _tracker.Generation);
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(KvmRunMemoryFault.Private | (1UL << 4))]
    public void Fault_WithAFlagThatNobodyKnows_IsNotAnswered(ulong flags)
    {
        KvmRunMemoryFault fault = new() { Gpa = 0x1000, Size = 0x1000, Flags = flags };

        Assert.False(Create().TryConvertForFault(in fault, 0));

        Assert.Empty(_kernel.Transcript);
    }

    [Fact]
    public void Fault_OfAnotherMode_IsNotAnswered() => Assert.False(
        new MapGpaRangeHandler(HypercallAbi.MapGpaRange, true, _tracker, null, new BoundedLog(Logger.None))
            .TryConvertForFault(Fault(0x1000, 0x1000, isPrivate: true), 0));

    private static KvmRunMemoryFault Fault(ulong gpa, ulong size, bool isPrivate) =>
        new() { Gpa = gpa, Size = size, Flags = isPrivate ? KvmRunMemoryFault.Private : 0 };

    private static ulong Call(MapGpaRangeHandler handler, ulong gpa, ulong pages, ulong attributes)
    {
        KvmRunHypercall call = new() { Nr = 12, Arg0 = gpa, Arg1 = pages, Arg2 = attributes, Ret = 0xDEAD };
        handler.Handle(ref call, 0);
        return call.Ret;
    }

    private MapGpaRangeHandler Create(EventLog? events = null) => new(
        HypercallAbi.MapGpaRange,
        isOffered: true,
        _tracker,
        events,
        new BoundedLog(Logger.None),
        new MemoryConverter(_kernel, new BoundedLog(Logger.None)));

    private sealed class Recorder : IPageConversion
    {
        public List<string> Transcript { get; } = [];

        public bool RefusesAttributes { get; set; }

        public bool RefusesDiscard { get; set; }

        public IReadOnlyList<GpaRange> Ranges => Ram;

        public void SetPrivate(GpaRange range, bool isPrivate)
        {
            if (RefusesAttributes)
            {
                throw KvmException.FromErrno("KVM_SET_MEMORY_ATTRIBUTES", (int)Errno.ENOMEM);
            }

            Transcript.Add($"attributes {range.Start} +0x{range.Length:x} {(isPrivate ? "private" : "shared")}");
        }

        public void DiscardShared(GpaRange range) => Discard($"discard {range.Start} +0x{range.Length:x}");

        public void DiscardPrivate(int rangeIndex, GpaRange range) => Discard(
            string.Create(CultureInfo.InvariantCulture, $"punch {rangeIndex}: {range.Start} +0x{range.Length:x}"));

        private void Discard(string line)
        {
            if (RefusesDiscard)
            {
                throw KvmException.FromErrno("madvise", (int)Errno.ENOMEM);
            }

            Transcript.Add(line);
        }
    }
}
