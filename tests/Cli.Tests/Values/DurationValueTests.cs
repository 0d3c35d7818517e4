using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Tests.Values;

public sealed class DurationValueTests
{
    [Theory]
    [InlineData("120s", 120_000)]
    [InlineData("120", 120_000)]
    [InlineData("2m", 120_000)]
    [InlineData("2min", 120_000)]
    [InlineData("500ms", 500)]
    [InlineData("1ms", 1)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData("0.25", 250)]
    [InlineData(".5s", 500)]
    [InlineData("0.001s", 1)]
    [InlineData("2073600", 24L * 86_400_000)]
    [InlineData("576h", 24L * 86_400_000)]
    public void Parse_Time_GivesTime(string text, long milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), DurationValue.Parse("--timeout", text));

    [Theory]
    [InlineData("", "--timeout: '' is not a time")]
    [InlineData("s", "--timeout: 's' is not a time")]
    [InlineData(".", "--timeout: '.' is not a time")]
    [InlineData("1.2.3s", "--timeout: '1.2.3s' is not a time")]
    [InlineData("+1s", "--timeout: '+1s' is not a time")]
    [InlineData("-1s", "--timeout: '-1s' is negative")]
    [InlineData("0", "--timeout: the time must be at least 1ms")]
    [InlineData("0.0009s", "--timeout: the time must be at least 1ms")]
    [InlineData("1w", "--timeout: unknown unit 'w' in '1w'")]
    [InlineData("1 s", "--timeout: unknown unit ' s' in '1 s'")]
    [InlineData("2M", "--timeout: unknown unit 'M' in '2M'")]
    [InlineData("1e3", "--timeout: unknown unit 'e3' in '1e3'")]
    [InlineData("577h", "--timeout: '577h' is too long; the limit is 24 days")]
    [InlineData("2073600.001", "--timeout: '2073600.001' is too long; the limit is 24 days")]
    [InlineData("99999999999999999999999999999999", "--timeout: '99999999999999999999999999999999' is too long; the limit is 24 days")]
    public void Parse_NoTime_NamesOptionAndText(string text, string message) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => DurationValue.Parse("--timeout", text)).Message);

    [Fact]
    public void Longest_IsWhatATimerTakes()
    {
        using Timer timer = new(_ => { });

        Assert.True(timer.Change(DurationValue.Longest, Timeout.InfiniteTimeSpan));
        Assert.True(DurationValue.Longest.TotalMilliseconds < int.MaxValue);
    }
}
