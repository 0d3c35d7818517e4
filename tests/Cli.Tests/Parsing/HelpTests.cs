using System.Reflection;
using CommandLine;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Tests.Parsing;

public sealed class HelpTests
{
    /// <summary>Every word sequence that has a help of its own, as typed before <c>--help</c>.</summary>
    public static TheoryData<string> Topics =>
        [.. AllVerbs.Select(verb => verb.Path).Concat(Verbs.Root.Groups.Select(group => group.Name!)).Append(string.Empty)];

    /// <summary>Every verb, as typed.</summary>
    public static TheoryData<string> VerbPaths => [.. AllVerbs.Select(verb => verb.Path)];

    private static IEnumerable<(string Path, Verb Verb)> AllVerbs =>
        Verbs.Root.Verbs.Select(verb => (verb.Name, verb))
            .Concat(Verbs.Root.Groups.SelectMany(group => group.Verbs.Select(verb => ($"{group.Name} {verb.Name}", verb))));

    [Fact]
    public void Verbs_AreThoseOfTheDesign() =>
        Assert.Superset(
            new HashSet<string>
            {
                "run", "measure", "doctor", "version", "map show", "map diff", "map at", "session create", "session inspect",
                "attest verify", "attest show", "secret package", "platform status", "platform export", "platform pek-csr",
                "platform import", "platform reset", "platform rotate", "platform id", "inspect kernel", "inspect ovmf", "inspect cert",
                "inspect report", "inspect session", "inspect id-block",
            },
            AllVerbs.Select(verb => verb.Path).ToHashSet());

    [Theory]
    [MemberData(nameof(Topics))]
    public void Help_GoesToStdout_In80Columns(string topic)
    {
        CliResult result = CliRunner.Run([.. Words(topic), "--help"]);

        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.All(result.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.All(result.Output.Split('\n'), line => Assert.Equal(line.TrimEnd(), line));
        Assert.DoesNotContain(result.Output, letter => char.IsControl(letter) && letter != '\n');
        Assert.StartsWith("Usage: kvmsev", result.Output, StringComparison.Ordinal);
        Assert.Contains("\nExamples:\n  # ", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Topics))]
    public void Help_EverySpelling_IsTheSame(string topic)
    {
        string expected = CliRunner.Run([.. Words(topic), "--help"]).Output;

        Assert.Equal(expected, CliRunner.Run(["help", .. Words(topic)]).Output);
        Assert.Equal(expected, CliRunner.Run([.. Words(topic), "-h"]).Output);
        Assert.Equal(expected, CliRunner.Run(["help", .. Words(topic), "--help"]).Output);
    }

    [Fact]
    public void Help_OfGroup_TakesVerb() =>
        Assert.Equal(CliRunner.Run("map", "show", "--help").Output, CliRunner.Run("map", "help", "show").Output);

    [Fact]
    public void Help_BehindOtherOptions_IsHelp() =>
        Assert.Equal(CliRunner.Run("run", "--help").Output, CliRunner.Run("run", "--json", "--help").Output);

    [Fact]
    public void Help_UnknownTopic_IsUsage()
    {
        CliRunner.Run("help", "rnu").AssertFailure(64, "unknown verb 'rnu'", "did you mean 'run'?");
        CliRunner.Run("help", "map", "shwo").AssertFailure(64, "unknown verb 'shwo' of 'kvmsev map'", "did you mean 'show'?");
    }

    [Theory]
    [MemberData(nameof(VerbPaths))]
    public void Help_OfVerb_ListsEveryOption(string path)
    {
        string help = CliRunner.Run([.. Words(path), "--help"]).Output;
        Verb verb = AllVerbs.Single(candidate => candidate.Path == path).Verb;

        // Aliases are hidden from the list but stand in the text of what they are aliases of.
        Assert.All(OptionTable.For(verb.OptionsType).LongNames, name => Assert.Contains($"--{name}", help, StringComparison.Ordinal));
        Assert.All(
            verb.OptionsType.GetProperties().Select(property => property.GetCustomAttribute<BaseAttribute>()).OfType<BaseAttribute>(),
            option => Assert.True(option.Hidden || option.HelpText.Length > 5));
        Assert.Contains("--json", help, StringComparison.Ordinal);
        Assert.Contains(verb.Summary, help, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(VerbPaths))]
    public void Examples_AreUnderstood(string path)
    {
        Verb verb = AllVerbs.Single(candidate => candidate.Path == path).Verb;

        Assert.NotEmpty(verb.Examples);
        foreach (VerbExample example in verb.Examples)
        {
            ParsedCommand command = CommandLineReader.Read(example.Arguments, Verbs.Root);
            ParsedCommand.Execution execution = Assert.IsType<ParsedCommand.Execution>(command);
            Assert.Same(verb, execution.Verb);
            execution.Options.Validate();
            if (execution.Options is RunOptions run)
            {
                Assert.NotNull(run.ToConfig());
            }
        }
    }

    [Fact]
    public void Example_PrintedForTheShell_IsQuoted() =>
        Assert.Contains("--cmdline 'console=ttyS0 panic=-1'", CliRunner.Run("run", "--help").Output, StringComparison.Ordinal);

    private static string[] Words(string topic) => topic.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
