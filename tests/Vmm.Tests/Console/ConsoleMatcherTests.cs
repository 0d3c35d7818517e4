using System.Diagnostics;
using System.Text;
using KvmSevVmm.Vmm.Console;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Console;

public sealed class ConsoleMatcherTests
{
    [Theory]
    [InlineData("Run /init", "[    1.2] Run /init as init process\n")]
    [InlineData("^login: $", "Debian\r\nlogin: ")] // a prompt: the line has not ended
    [InlineData("^second$", "first\nsecond\nthird\n")]
    [InlineData("done", "\u001b[1;32mdo\u001b[0mne\r\n")] // colours within the word
    [InlineData("^title$", "\u001b]0;window\u0007title\n")]
    [InlineData("^title$", "\u001b]0;window\u001b\\title\n")]
    [InlineData("^abc$", "\u001b(Ba\u001b7b\u001b[?25lc\n")]
    [InlineData("^ab$", "a\rb\n")]
    [InlineData("^next$", "\u001b[12\nnext\n")] // a torn sequence ends with its line
    [InlineData("^next$", "\u001b]torn\nnext\n")]
    [InlineData("grün ✓ 😀", "grün ✓ 😀\n")]
    [InlineData("(?<=a)b", "ab")] // needs the backtracking engine
    [InlineData(@"(x)\1", "xx")]
    public void Feed_FindsTheText_WhereverTheChunksAreCut(string pattern, string output)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(output);
        for (int size = 1; size <= bytes.Length; size++)
        {
            int calls = 0;
            ConsoleMatcher matcher = new(pattern, () => calls++);
            for (int i = 0; i < bytes.Length; i += size)
            {
                matcher.Feed(bytes.AsSpan(i, Math.Min(size, bytes.Length - i)));
            }

            Assert.True(matcher.HasMatched, $"chunks of {size}");
            Assert.Equal(1, calls);
        }
    }

    [Theory]
    [InlineData("^b", "ab\n")]
    [InlineData("a.*b", "a\nb\n")] // never across lines
    [InlineData("31m", "\u001b[31mred\n")]
    [InlineData("window", "\u001b]0;window\u0007title\n")]
    [InlineData("\r", "a\r\n")]
    public void Feed_DoesNotFindWhatIsNotThere(string pattern, string output)
    {
        ConsoleMatcher matcher = new(pattern, () => Assert.Fail("matched"));
        foreach (byte value in Encoding.UTF8.GetBytes(output))
        {
            matcher.Feed([value]);
        }

        Assert.False(matcher.HasMatched);
        Assert.Null(matcher.MatchedLine);
    }

    [Fact]
    public void Feed_InvalidUtf8_BecomesReplacementCharacters_AndTheRestIsRead()
    {
        ConsoleMatcher matcher = new("^\uFFFD+ok\uFFFD$", () => { });
        matcher.Feed([0xFF, 0xC3, (byte)'o', (byte)'k', 0xE2, (byte)'\n']);
        Assert.True(matcher.HasMatched);
    }

    [Fact]
    public void Feed_RandomBytes_NeverThrow()
    {
        const int Seed = 99;
        Random random = new(Seed);
        ConsoleMatcher matcher = new("this will not appear by chance", () => { });
        byte[] bytes = new byte[5000];
        for (int i = 0; i < 400; i++)
        {
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                bytes.AsSpan().Replace((byte)'\n', (byte)'x'); // also as one endless line
            }

            matcher.Feed(bytes.AsSpan(0, random.Next(bytes.Length)));
        }

        matcher.Feed("\nthis will not appear by chance"u8);
        Assert.True(matcher.HasMatched);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2040)]
    [InlineData(4090)]
    [InlineData(4096)]
    [InlineData(6140)]
    [InlineData(1_000_000)]
    public void Feed_VeryLongLine_FindsTheTextAnywhereInIt(int before)
    {
        byte[] line = [.. Enumerable.Repeat((byte)'.', before), .. "needle"u8, .. Enumerable.Repeat((byte)'.', 9000)];
        foreach (int size in (int[])[100, 1024, line.Length])
        {
            ConsoleMatcher matcher = new("needle", () => { });
            for (int i = 0; i < line.Length; i += size)
            {
                matcher.Feed(line.AsSpan(i, Math.Min(size, line.Length - i)));
            }

            Assert.True(matcher.HasMatched, $"chunks of {size}");
        }
    }

    [Fact]
    public void Feed_VeryLongLine_StillHasOneStart()
    {
        ConsoleMatcher matcher = new("^x", () => Assert.Fail("that was not the start"));
        matcher.Feed("a"u8);
        for (int i = 0; i < 100; i++)
        {
            matcher.Feed(Enumerable.Repeat((byte)'x', 1000).ToArray());
        }

        ConsoleMatcher next = new("^y", () => { });
        next.Feed(Enumerable.Repeat((byte)'x', 10_000).ToArray());
        next.Feed("\ny"u8);
        Assert.True(next.HasMatched); // and the next line has its own
    }

    [Fact]
    public void Match_IsReportedOnce_WithLineAndTime()
    {
        int calls = 0;
        long start = Stopwatch.GetTimestamp();
        ConsoleMatcher matcher = new("o", () => calls++);
        Assert.Equal(0, matcher.MatchTimestamp);
        matcher.Feed("one\ntwo\n"u8);
        matcher.Feed("o\n"u8);

        Assert.Equal(1, calls);
        Assert.Equal("one", matcher.MatchedLine);
        Assert.InRange(matcher.MatchTimestamp, start, Stopwatch.GetTimestamp());
    }

    [Theory]
    [InlineData("(")]
    [InlineData("[z-a]")]
    [InlineData(@"\")]
    public void BadPattern_IsTheUsersMistake(string pattern)
    {
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => new ConsoleMatcher(pattern, () => { }));
        Assert.StartsWith("--until: regular expression: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void EvilPattern_DoesNotHang_AndGivingUpIsCounted()
    {
        Stopwatch watch = Stopwatch.StartNew();
        ConsoleMatcher linear = new("^(a+)+$", () => { });
        linear.Feed([.. Enumerable.Repeat((byte)'a', 4000), (byte)'!']);
        ConsoleMatcher limited = new("^(?=a)(a+)+$", () => { }); // a lookahead: backtracking, with its time limit
        limited.Feed([.. Enumerable.Repeat((byte)'a', 4000), (byte)'!']);

        Assert.False(linear.HasMatched || limited.HasMatched);
        Assert.Equal(0, linear.GivenUpCount);
        Assert.Equal(1, limited.GivenUpCount);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}");
    }
}
