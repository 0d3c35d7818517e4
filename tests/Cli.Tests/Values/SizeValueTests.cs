using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Tests.Values;

public sealed class SizeValueTests
{
    [Theory]
    [InlineData("1", 1UL)]
    [InlineData("4096", 4096UL)]
    [InlineData("4096B", 4096UL)]
    [InlineData("512M", 512UL << 20)]
    [InlineData("512m", 512UL << 20)]
    [InlineData("512MiB", 512UL << 20)]
    [InlineData("4K", 4096UL)]
    [InlineData("4G", 4UL << 30)]
    [InlineData("1GiB", 1UL << 30)]
    [InlineData("2TiB", 2UL << 40)]
    [InlineData("16777215T", 16777215UL << 40)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    [InlineData("0018446744073709551615", ulong.MaxValue)]
    public void Parse_Size_GivesBytes(string text, ulong bytes) => Assert.Equal(bytes, SizeValue.Parse("--memory", text));

    [Theory]
    [InlineData("", "--memory: '' is not a size")]
    [InlineData("G", "--memory: 'G' is not a size")]
    [InlineData("+1G", "--memory: '+1G' is not a size")]
    [InlineData(" 1G", "--memory: ' 1G' is not a size")]
    [InlineData("٤G", "--memory: '٤G' is not a size")]
    [InlineData("0", "--memory: the size must not be zero")]
    [InlineData("0G", "--memory: the size must not be zero")]
    [InlineData("-1G", "--memory: '-1G' is negative")]
    [InlineData("1X", "--memory: unknown suffix 'X' in '1X'")]
    [InlineData("1GB", "--memory: unknown suffix 'GB' in '1GB'")]
    [InlineData("1.5G", "--memory: unknown suffix '.5G' in '1.5G'")]
    [InlineData("0x1000", "--memory: unknown suffix 'x1000' in '0x1000'")]
    [InlineData("1G ", "--memory: unknown suffix 'G ' in '1G '")]
    [InlineData("16777216T", "--memory: '16777216T' is too large")]
    [InlineData("18446744073709551616", "--memory: '18446744073709551616' is too large")]
    public void Parse_NoSize_NamesOptionAndText(string text, string message)
    {
        UsageException error = Assert.Throws<UsageException>(() => SizeValue.Parse("--memory", text));

        Assert.Equal(message, error.Message);
        Assert.NotNull(error.Hint);
    }
}
