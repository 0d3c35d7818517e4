using System.Text;
using KvmSevVmm.Vmm.Control;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Control;

public sealed class JsonValueSplitterTests
{
    [Theory]
    [InlineData("{\"a\":1}", new[] { "{\"a\":1}" })]
    [InlineData("{\"a\":1}{\"b\":[2]}\r\n {\"c\":{}}", new[] { "{\"a\":1}", "{\"b\":[2]}", "{\"c\":{}}" })]
    [InlineData("{\"a\":\"}\\\"{\\\\\"}", new[] { "{\"a\":\"}\\\"{\\\\\"}" })]
    [InlineData("\n\t [1]\n", new[] { "[1]" })]
    [InlineData("hello {\"a\":1}", new[] { "hello", "{\"a\":1}" })]
    [InlineData("}{\"a\":1}", new[] { "}", "{\"a\":1}" })]
    [InlineData("{\"a\":\"x\n{\"b\":2}", new[] { "{\"a\":\"x", "{\"b\":2}" })]
    [InlineData("{\"a\":", new string[0])]
    public void TryTake_CutsValues_HoweverTheyArrive(string text, string[] values)
    {
        foreach (int step in (int[])[1, 3, 1000])
        {
            JsonValueSplitter splitter = new();
            List<string> found = [];
            foreach (byte[] part in Encoding.UTF8.GetBytes(text).Chunk(step))
            {
                ReadOnlySpan<byte> input = part;
                while (splitter.TryTake(ref input, out ReadOnlyMemory<byte> value))
                {
                    found.Add(Encoding.UTF8.GetString(value.Span));
                }
            }

            Assert.Equal(values, found);
        }
    }

    [Theory]
    [InlineData('x', "JSON parse error: the message is longer than 16384 bytes")]
    [InlineData('[', "JSON parse error: values are nested deeper than 64")]
    public void TryTake_TooLongOrDeep_IsRefusedOnceAndTheNextLineIsRead(char letter, string problem)
    {
        JsonValueSplitter splitter = new();
        byte[] text = Encoding.UTF8.GetBytes(new string(letter, 100_000) + "\n{\"a\":1}");
        ReadOnlyMemory<byte> rest = text;
        int refusals = 0;
        string? found = null;
        while (found is null)
        {
            ReadOnlySpan<byte> input = rest.Span;
            try
            {
                Assert.True(splitter.TryTake(ref input, out ReadOnlyMemory<byte> value));
                found = Encoding.UTF8.GetString(value.Span);
            }
            catch (QmpException refused)
            {
                Assert.Equal(problem, refused.Message);
                refusals++;
            }

            rest = rest[^input.Length..];
        }

        Assert.Equal(1, refusals);
        Assert.Equal("{\"a\":1}", found);
    }
}
