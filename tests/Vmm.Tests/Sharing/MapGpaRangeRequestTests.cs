using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sharing;

public sealed class MapGpaRangeRequestTests
{
    [Theory]
    [InlineData(0x0, 160, 0x10, PageState.Private, PageSizeHint.Size4K)]
    [InlineData(0x3600000, 512, 0x0, PageState.Shared, PageSizeHint.Size4K)]
    [InlineData(0x200000, 1, 0x1, PageState.Shared, PageSizeHint.Size2M)]
    [InlineData(0x200000, 512, 0x11, PageState.Private, PageSizeHint.Size2M)]
    [InlineData(0x40000000, 262144, 0x2, PageState.Shared, PageSizeHint.Size1G)]
    [InlineData(0x40000000, 262144, 0x12, PageState.Private, PageSizeHint.Size1G)]
    public void TryParse_MapGpaRange_ReadsAttributes(ulong gpa, ulong pages, ulong attributes, PageState state, PageSizeHint hint)
    {
        bool accepted = MapGpaRangeRequest.TryParse(
            gpa, pages, attributes, HypercallAbi.MapGpaRange, out MapGpaRangeRequest request, out MapGpaRangeError error);
        Assert.True(accepted);
        Assert.Equal(MapGpaRangeError.None, error);
        Assert.Equal(new MapGpaRangeRequest(new GpaRange(new Gpa(gpa), pages * 4096), state, hint), request);
    }

    [Theory]
    [InlineData(0, PageState.Shared)]
    [InlineData(1, PageState.Private)]
    public void TryParse_PageEncStatus_ReadsStatus(ulong status, PageState state)
    {
        Assert.True(MapGpaRangeRequest.TryParse(0x1000, 2, status, HypercallAbi.PageEncStatus, out MapGpaRangeRequest request, out _));
        Assert.Equal(new MapGpaRangeRequest(new GpaRange(new Gpa(0x1000), 0x2000), state, PageSizeHint.Size4K), request);
    }

    [Fact]
    public void TryParse_AttributesOne_MeanOppositeThingsInTheTwoAbis()
    {
        Assert.True(MapGpaRangeRequest.TryParse(0, 1, 1, HypercallAbi.MapGpaRange, out MapGpaRangeRequest merged, out _));
        Assert.True(MapGpaRangeRequest.TryParse(0, 1, 1, HypercallAbi.PageEncStatus, out MapGpaRangeRequest proposed, out _));
        Assert.Equal(PageState.Shared, merged.State);
        Assert.Equal(PageState.Private, proposed.State);
    }

    [Theory]
    [InlineData(0x1, 1, 0x10, MapGpaRangeError.UnalignedAddress)]
    [InlineData(0xfff, 1, 0x10, MapGpaRangeError.UnalignedAddress)]
    [InlineData(0x1000, 0, 0x10, MapGpaRangeError.ZeroPages)]
    [InlineData(0x0, 1UL << 52, 0x10, MapGpaRangeError.RangeOverflow)]
    [InlineData(0x1000, (1UL << 52) - 1, 0x10, MapGpaRangeError.RangeOverflow)]
    [InlineData(0xfffffffffffff000, 1, 0x10, MapGpaRangeError.RangeOverflow)]
    [InlineData(0xfffffffffffff000, 2, 0x10, MapGpaRangeError.RangeOverflow)]
    [InlineData(0x1000, ulong.MaxValue, 0x10, MapGpaRangeError.RangeOverflow)]
    [InlineData(0x1000, 1, 0x3, MapGpaRangeError.UnknownPageSize)]
    [InlineData(0x1000, 1, 0x1f, MapGpaRangeError.UnknownPageSize)]
    [InlineData(0x1000, 1, 0x20, MapGpaRangeError.ReservedAttributeBits)]
    [InlineData(0x1000, 1, 0x8000000000000000, MapGpaRangeError.ReservedAttributeBits)]
    public void TryParse_MapGpaRange_RefusesAndSaysWhy(ulong gpa, ulong pages, ulong attributes, MapGpaRangeError expected)
    {
        bool accepted = MapGpaRangeRequest.TryParse(
            gpa, pages, attributes, HypercallAbi.MapGpaRange, out MapGpaRangeRequest request, out MapGpaRangeError error);
        Assert.False(accepted);
        Assert.Equal(expected, error);
        Assert.Equal(default, request);
    }

    [Theory]
    [InlineData(0x10)]
    [InlineData(2)]
    [InlineData(ulong.MaxValue)]
    public void TryParse_PageEncStatus_RefusesAnythingButZeroAndOne(ulong status)
    {
        Assert.False(MapGpaRangeRequest.TryParse(0x1000, 1, status, HypercallAbi.PageEncStatus, out _, out MapGpaRangeError error));
        Assert.Equal(MapGpaRangeError.UnknownEncryptionStatus, error);
    }

    [Fact]
    public void TryParse_EveryAttributeByte_IsAcceptedOnlyIfTheDocumentationDefinesIt()
    {
        ulong[] defined = [0x0, 0x1, 0x2, 0x10, 0x11, 0x12];
        for (ulong attributes = 0; attributes < 256; attributes++)
        {
            bool accepted = MapGpaRangeRequest.TryParse(0, 1, attributes, HypercallAbi.MapGpaRange, out _, out _);
            Assert.Equal(defined.Contains(attributes), accepted);
        }
    }

    [Fact]
    public void TryParse_AnyArguments_AcceptsExactlyWhatUnlimitedArithmeticAccepts()
    {
        // Values near every limit: shifted single bits, plus or minus a little.
        Gen<ulong> edges =
            from bit in Gen.Choose(0, 63)
            from offset in Gen.Choose(-2, 2)
            from aligned in Gen.Elements(true, false)
            select (unchecked((1UL << bit) + (ulong)(long)offset)) & (aligned ? ~0xfffUL : ulong.MaxValue);
        Arbitrary<(ulong, ulong, ulong)> arguments = Arb.From(
            from gpa in edges from pages in edges from attributes in edges select (gpa, pages, attributes));
        Prop.ForAll(arguments, ((ulong Gpa, ulong Pages, ulong Attributes) call) =>
        {
            bool isRange = call.Gpa % 4096 == 0 && call.Pages > 0 && call.Gpa + ((BigInteger)call.Pages * 4096) < BigInteger.Pow(2, 64);
            (ulong gpa, ulong pages, ulong attributes) = call;
            bool merged = MapGpaRangeRequest.TryParse(
                gpa, pages, attributes, HypercallAbi.MapGpaRange, out MapGpaRangeRequest request, out _);
            bool proposed = MapGpaRangeRequest.TryParse(gpa, pages, attributes, HypercallAbi.PageEncStatus, out _, out _);
            return merged == (isRange && (call.Attributes is 0 or 1 or 2 or 16 or 17 or 18))
                && proposed == (isRange && call.Attributes <= 1)
                && (!merged || (request.Range.Start.Value == call.Gpa && request.Range.PageCount == call.Pages));
        }).Check(Config.QuickThrowOnFailure.WithQuietOnSuccess(true).WithMaxTest(20_000));
    }

    [Fact]
    public void Describe_EveryError_HasItsOwnWords()
    {
        string[] words = [.. Enum.GetValues<MapGpaRangeError>().Select(MapGpaRangeRequest.Describe)];
        Assert.Equal(words.Length, words.Distinct().Count());
        Assert.All(words, static text => Assert.DoesNotContain(".", text, StringComparison.Ordinal));
    }
}
