namespace KvmSevVmm.Cli.Tests.Parsing;

/// <summary>Words that make no sense: exit code 64, one line, and a suggestion where one is near.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void NoWords_IsUsage() => CliRunner.Run().AssertFailure(64, "no verb given", "'kvmsev --help' lists the verbs");

    [Fact]
    public void GroupAlone_IsUsage() =>
        CliRunner.Run("map").AssertFailure(
            64, "'map' needs a verb: show, timeline, diff, at, check", "'kvmsev map --help' lists the verbs");

    [Theory]
    [InlineData("rnu", "unknown verb 'rnu'", "did you mean 'run'?")]
    [InlineData("verison", "unknown verb 'verison'", "did you mean 'version'?")]
    [InlineData("maps", "unknown verb 'maps'", "did you mean 'map'?")]
    [InlineData("xyzzy", "unknown verb 'xyzzy'", "'kvmsev --help' lists the verbs")]
    [InlineData("", "unknown verb ''", "'kvmsev --help' lists the verbs")]
    [InlineData("--kernel", "unknown option '--kernel'", "'kvmsev --help' lists the verbs")]
    public void UnknownVerb_IsSuggestedOrNot(string word, string message, string hint) =>
        CliRunner.Run(word).AssertFailure(64, message, hint);

    [Theory]
    [InlineData("shwo", "did you mean 'show'?")]
    [InlineData("frobnicate", "'kvmsev map --help' lists the verbs")]
    public void UnknownVerbOfGroup_IsSuggestedOrNot(string word, string hint) =>
        CliRunner.Run("map", word).AssertFailure(64, $"unknown verb '{word}' of 'kvmsev map'", hint);

    [Theory]
    [InlineData("--kernle", "unknown option '--kernle'", "did you mean '--kernel'?")]
    [InlineData("--kernle=x", "unknown option '--kernle'", "did you mean '--kernel'?")]
    [InlineData("--mem", "unknown option '--mem'", "did you mean '--memory'?")]
    [InlineData("-kernel", "unknown option '-kernel'", "did you mean '--kernel'?")]
    [InlineData("-append", "unknown option '-append'", "did you mean '--append'?")]
    [InlineData("-quiet", "unknown option '-quiet'", "did you mean '--quiet'?")]
    [InlineData("-x", "unknown option '-x'", null)]
    [InlineData("-v3", "unknown option '-v3'", null)]
    [InlineData("--floppy", "unknown option '--floppy'", null)]
    [InlineData("--", "--kernel is missing", "give a kernel with --kernel, firmware with --firmware, or both")]
    [InlineData("---", "unknown option '---'", null)]
    [InlineData("--=", "unknown option '--'", null)]
    public void UnknownOption_IsSuggestedOrNot(string word, string message, string? hint) =>
        CliRunner.Run("run", word).AssertFailure(64, message, hint);

    [Fact]
    public void RequiredOption_Missing_IsNamed() =>
        CliRunner.Run("run").AssertFailure(64, "--kernel is missing", "give a kernel with --kernel, firmware with --firmware, or both");

    [Fact]
    public void Argument_Missing_ShowsUsage()
    {
        CliRunner.Run("map", "show").AssertFailure(64, "an argument is missing", "usage: kvmsev map show {FILE|--socket PATH} [OPTIONS]");
        CliRunner.Run("map", "diff", "a").AssertFailure(64, "an argument is missing", "usage: kvmsev map diff A B [OPTIONS]");
        CliRunner.Run("map", "at", "a").AssertFailure(
            64, "an argument is missing", "usage: kvmsev map at {FILE|--socket PATH} GPA... [OPTIONS]");
    }

    [Theory]
    [InlineData("--kernel")]
    [InlineData("--memory")]
    [InlineData("--log-file")]
    public void Value_MissingAtTheEnd_IsNamed(string option) => CliRunner.Run("run", option).AssertFailure(64, $"{option} needs a value");

    [Fact]
    public void Value_ThatIsAnOption_IsRefused()
    {
        CliRunner.Run("run", "--kernel", "--initrd", "x")
            .AssertFailure(64, "--kernel needs a value, but '--initrd' follows", "write '--kernel=--initrd' if that is the value");
        CliRunner.Run("run", "--kernel", "--", "x").AssertFailure(64, "--kernel needs a value, but '--' follows",
            "write '--kernel=--' if that is the value");
    }

    [Fact]
    public void Option_Twice_IsRefused()
    {
        CliRunner.Run("run", "--kernel", "a", "--kernel", "b").AssertFailure(64, "--kernel is given twice");
        CliRunner.Run("run", "--json", "--json").AssertFailure(64, "--json is given twice");
        CliRunner.Run("run", "-qq").AssertFailure(64, "--quiet is given twice");
    }

    [Fact]
    public void Switch_WithValue_IsRefused()
    {
        CliRunner.Run("run", "--json=yes").AssertFailure(64, "--json takes no value");
        CliRunner.Run("run", "--verbose=3").AssertFailure(64, "--verbose takes no value");
    }

    [Fact]
    public void Argument_TooMany_IsRefused()
    {
        CliRunner.Run("run", "--kernel", "a", "b").AssertFailure(64, "unexpected argument 'b'");
        CliRunner.Run("run", "--kernel", "a", "--", "b").AssertFailure(64, "unexpected argument 'b'");
        CliRunner.Run("map", "diff", "a", "b", "c", "d").AssertFailure(64, "unexpected argument 'c'");
        CliRunner.Run("version", "now").AssertFailure(64, "unexpected argument 'now'");
    }

    [Fact]
    public void QuietAndVerbose_Contradict() =>
        CliRunner.Run("run", "--kernel", "a", "-q", "-v").AssertFailure(64, "--quiet and --verbose contradict each other");

    [Fact]
    public void ControlCharacters_NeverReachTheTerminal() =>
        CliRunner.Run("run", "--kernel", "a\nb\e[31m\u202e\ud800é\ud83d\ude00").AssertFailure(66,
            @"--kernel: no such file: 'a\x0ab\x1b[31m\u202e\ud800é😀'");
}
