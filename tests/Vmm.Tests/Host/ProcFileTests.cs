using KvmSevVmm.Vmm.Host;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Host;

public sealed class ProcFileTests
{
    [Theory]
    [InlineData("Rss:      12 kB", "Rss", "12 kB")]
    [InlineData("VmHWM:\t  22144 kB", "VmHWM", "22144 kB")]
    [InlineData("CapEff:\t000001ffffffffff", "CapEff", "000001ffffffffff")]
    public void TryGetValue_TakesTheBlanksOff(string line, string field, string expected)
    {
        Assert.True(ProcFile.TryGetValue(line, field, out ReadOnlySpan<char> value));
        Assert.Equal(expected, value.ToString());
    }

    [Theory]
    [InlineData("RssAnon: 12 kB", "Rss")]
    [InlineData("Rss", "Rss")]
    [InlineData("", "Rss")]
    public void TryGetValue_OtherLine_IsNone(string line, string field) => Assert.False(ProcFile.TryGetValue(line, field, out _));

    [Theory]
    [InlineData("12 kB", 12288UL)]
    [InlineData("12", 12288UL)]
    [InlineData("", null)]
    [InlineData("-1 kB", null)]
    [InlineData("12 MB", null)]
    public void ParseKilobytes_IsExact(string value, ulong? expected) => Assert.Equal(expected, ProcFile.ParseKilobytes(value));

    [Fact]
    public void FindKilobytes_OfThisProcess_IsThere() =>
        Assert.InRange(ProcFile.FindKilobytes("/proc/self/status", "VmHWM") ?? 0, 1UL << 20, 1UL << 40);
}
