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
    public void Clean_Text_IsOneHarmlessLine(string text, string clean) => Assert.Equal(clean, OneLine.Clean(text));

    // As facts: an attribute's text is UTF-8 and cannot hold half a surrogate pair.
    [Fact]
    public void Clean_HalfSurrogatePairs_AreEscaped()
    {
        Assert.Equal(@"\ud83d", OneLine.Clean("\ud83d"));
        Assert.Equal(@"\ude00\ud83d", OneLine.Clean("\ude00\ud83d"));
        Assert.Equal("\\ud83d😀", OneLine.Clean("\ud83d\ud83d\ude00"));
    }
}
