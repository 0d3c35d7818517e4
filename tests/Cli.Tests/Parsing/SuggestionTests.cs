using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Tests.Parsing;

public sealed class SuggestionTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "abc", 0)]
    [InlineData("", "abc", 3)]
    [InlineData("abc", "", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("kernle", "kernel", 1)]
    [InlineData("ca", "abc", 3)]
    [InlineData("memry", "memory", 1)]
    public void EditDistance_TwoWords_CountsEdits(string left, string right, int distance)
    {
        Assert.Equal(distance, Suggestion.EditDistance(left, right));
        Assert.Equal(distance, Suggestion.EditDistance(right, left));
    }

    [Theory]
    [InlineData("kernle", "kernel")]
    [InlineData("KERNEL", "kernel")]
    [InlineData("mem", "memory")]
    [InlineData("snp", "sev-snp")]
    [InlineData("sve", "sev")]
    [InlineData("simulate", "simulated")]
    [InlineData("e", null)]
    [InlineData("se", "sev")]
    [InlineData("zzzzzz", null)]
    [InlineData("", null)]
    public void Nearest_Word_IsFoundOrNot(string word, string? nearest) =>
        Assert.Equal(nearest, Suggestion.Nearest(word, ["kernel", "memory", "sev", "sev-es", "sev-snp", "simulated"]));

    [Fact]
    public void Nearest_AmbiguousBeginning_GuessesNothing() => Assert.Null(Suggestion.Nearest("no-en", ["no-enforce", "no-enter"]));
}
