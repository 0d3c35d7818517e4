using KvmSevVmm.Cli.Output;

namespace KvmSevVmm.Cli.Tests;

public sealed class OneLineTests
{
    [Theory]
    [InlineData("plain text, é and 😀", "plain text, é and 😀")]
    [InlineData("", "")]
    [InlineData("a\nb\r\tc\0", @"a\x0ab\x0d\x09c\x00")]
    [InlineData("\e[2J\u007f\u009b", @"\x1b[2J\x7f\x9b")]
    [InlineData("\u2028\u2029\u202e\ufeff", @"\u2028\u2029\u202e\ufeff")]
    [InlineData("\ud83d", @"\ud83d")]
    [InlineData("\ude00\ud83d", @"\ude00\ud83d")]
    [InlineData("\ud83d\ud83d\ude00", "\\ud83d😀")]
    public void Clean_Text_IsOneHarmlessLine(string text, string clean) => Assert.Equal(clean, OneLine.Clean(text));
}
