using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Tests.Values;

public sealed class NumberValueTests
{
    [Theory]
    [InlineData("0", 0UL)]
    [InlineData("4096", 4096UL)]
    [InlineData("0x1000", 4096UL)]
    [InlineData("0X1F", 31UL)]
    [InlineData("0xffffffffffffffff", ulong.MaxValue)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    public void Parse_Number_GivesValue(string text, ulong value) => Assert.Equal(value, NumberValue.Parse("--n", text));

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("x1")]
    [InlineData("ff")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1 ")]
    [InlineData("1_000")]
    [InlineData("0x-1")]
    [InlineData("٤")]
    public void Parse_NoNumber_IsRefused(string text) =>
        Assert.Equal($"--n: '{text}' is not a number", Assert.Throws<UsageException>(() => NumberValue.Parse("--n", text)).Message);

    [Theory]
    [InlineData("9", "--n: '9' is out of range; it must be 10 to 20")]
    [InlineData("21", "--n: '21' is out of range; it must be 10 to 20")]
    [InlineData("0x15", "--n: '0x15' is out of range; it must be 0xa to 0x14")]
    [InlineData("99999999999999999999", "--n: '99999999999999999999' is out of range; it must be 10 to 20")]
    [InlineData("0x10000000000000000", "--n: '0x10000000000000000' is out of range; it must be 0xa to 0x14")]
    public void Parse_OutOfRange_SaysTheRange(string text, string message) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => NumberValue.Parse("--n", text, 10, 20)).Message);

    [Fact]
    public void Parse_Bounds_AreIncluded()
    {
        Assert.Equal(10UL, NumberValue.Parse("--n", "10", 10, 20));
        Assert.Equal(20UL, NumberValue.Parse("--n", "20", 10, 20));
    }
}
