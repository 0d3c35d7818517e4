using System.Diagnostics;
using System.Reflection;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Tests.Shell;

/// <summary>The completion scripts in the shells themselves; a shell that is not installed is a visible skip.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    /// <summary>A line whose last word is to be completed, and what is offered.</summary>
    public static TheoryData<string, string> Lines => new()
    {
        { "kvmsev ma", "man map" },
        { "kvmsev map sh", "show" },
        { "kvmsev help map ti", "timeline" },
        { "kvmsev run --hyp", "--hypercall-abi" },
        { "kvmsev run --sev sim", "simulated" },
        { "kvmsev run --kernel disk.img --sev sev-", "sev-es sev-snp" },
        { "kvmsev run -v --unknown-msrs ig", "ignore" },
        { "kvmsev completion ", "bash fish zsh" },
        { "kvmsev map show dis", "disk.img" },
        { "kvmsev map at disk.img 0", "" },
        { "kvmsev run --kernel di", "disk.img" },
        { "kvmsev run --memory d", "" },
    };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Lines))]
    public void Bash_Offers(string line, string expected) => Assert.Equal(expected, CompleteInBash(line));

    [Theory]
    [InlineData("kvmsev run --sev=sim", "simulated")]
    [InlineData("kvmsev run --sev=none --hyp", "--hypercall-abi")]
    [InlineData("kvmsev run --sev=none --unknown-msrs=", "gp ignore")]
    public void Bash_ValueBehindEqualsSign_IsOffered(string line, string expected) => Assert.Equal(expected, CompleteInBash(line));

    [Fact]
    public void Bash_OfEveryVerb_OffersEveryOption()
    {
        string script = CliRunner.Run("completion", "bash").Output;
        Assert.All(AllVerbs, verb =>
        {
            string offered = InBash(script, $"_kvmsev_options '{verb.Path}'");
            Assert.Equal(
                OptionTable.For(verb.Verb.OptionsType).Options.Where(static option => !option.IsHidden)
                    .Select(static option => $"--{option.Name}").Order(StringComparer.Ordinal),
                offered.Trim().Split(' ').Order(StringComparer.Ordinal));
        });
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void Fish_Offers(string line, string expected)
    {
        SkipUnlessInstalled("fish");
        File.WriteAllText(_directory.File("kvmsev.fish"), CliRunner.Run("completion", "fish").Output);

        string offered = Run("fish", "--no-config", "-c", $"source kvmsev.fish; complete -C '{line}'");

        Assert.Equal(expected, Sorted(offered.Split('\n').Select(static row => row.Split('\t')[0])));
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void Zsh_Offers(string line, string expected)
    {
        SkipUnlessInstalled("zsh");
        File.WriteAllText(_directory.File("_kvmsev"), CliRunner.Run("completion", "zsh").Output);

        // zsh's own functions need a line editor: these stand-ins print what the script offers.
        string offered = Run("zsh", "-f", "-c", """
            compdef() { }
            compset() { cur=${cur#*=} }
            _files() { ls }
            compadd() { shift; print -l -- "$@" }
            _describe() { [[ $1 == -o ]] && shift; print -l -- "${(@)${(P)2}%%:*}" }
            source ./_kvmsev
            words=("${(@s: :)1}")
            CURRENT=${#words}
            _kvmsev
            true
            """, "zsh", line);

        string word = line[(line.LastIndexOf(' ') + 1)..];
        Assert.Equal(
            expected,
            Sorted(offered.Split('\n').Where(row => row.StartsWith(word, StringComparison.Ordinal) && row is not ("_kvmsev"))));
    }

    [Fact]
    public void Choices_StandInTheHelp() =>
        Assert.All(
            AllVerbs.SelectMany(static verb => verb.Verb.OptionsType.GetProperties())
                .Where(static property => property.GetCustomAttribute<ChoicesAttribute>() is not null),
            static property =>
            {
                CommandLine.BaseAttribute option = property.GetCustomAttribute<CommandLine.BaseAttribute>()!;
                Assert.All(property.GetCustomAttribute<ChoicesAttribute>()!.Words, word =>
                    Assert.Contains(word, option.HelpText + option.MetaValue, StringComparison.Ordinal));
            });

    [Fact]
    public void Completion_UnknownShell_IsUsage() =>
        CliRunner.Run("completion", "tcsh").AssertFailure(64, "SHELL: 'tcsh' is none of bash, zsh, fish");

    private static IEnumerable<(string Path, Verb Verb)> AllVerbs =>
        Verbs.Root.Verbs.Select(static verb => (verb.Name, verb))
            .Concat(Verbs.Root.Groups.SelectMany(static group => group.Verbs.Select(verb => ($"{group.Name} {verb.Name}", verb))));

    private static void SkipUnlessInstalled(string shell) =>
        Assert.SkipUnless(File.Exists($"/usr/bin/{shell}"), $"{shell} is not installed (Debian package {shell})");

    private static string Sorted(IEnumerable<string> words) =>
        string.Join(' ', words.Where(static word => word.Length > 0).Order(StringComparer.Ordinal));

    // COMP_WORDS as bash makes it of the line: '=' is a word of its own.
    private string CompleteInBash(string line)
    {
        IEnumerable<string> words = line.Replace("=", " = ", StringComparison.Ordinal)
            .Replace("  ", " ", StringComparison.Ordinal)
            .Split(' ');
        string quoted = string.Join(' ', words.Select(static word => $"'{word}'"));
        string offered = InBash(
            CliRunner.Run("completion", "bash").Output,
            $"COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _kvmsev; printf '%s\\n' \"${{COMPREPLY[@]}}\"");
        return Sorted(offered.Split('\n'));
    }

    private string InBash(string script, string command)
    {
        File.WriteAllText(_directory.File("kvmsev.bash"), script);
        string output = Run("bash", "--norc", "-c", $"set -u; source ./kvmsev.bash; {command}");
        File.Delete(_directory.File("kvmsev.bash"));
        return output;
    }

    private string Run(string program, params string[] arguments)
    {
        File.WriteAllText(_directory.File("disk.img"), string.Empty);
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _directory.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["HOME"] = _directory.Root },
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(TimeSpan.FromSeconds(30)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} still runs after 30 s");
        }

        Assert.Empty(error.GetAwaiter().GetResult());
        Assert.Equal(0, process.ExitCode);
        return output.GetAwaiter().GetResult();
    }
}
