using System.Diagnostics;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Tests.Shell;

/// <summary>The manual page, read by the programs that readers use.</summary>
public sealed class ManPageTests
{
    private static IEnumerable<(string Path, Verb Verb)> AllVerbs =>
        Verbs.Root.Verbs.Select(static verb => (verb.Name, verb))
            .Concat(Verbs.Root.Groups.SelectMany(static group => group.Verbs.Select(verb => ($"{group.Name} {verb.Name}", verb))));

    [Theory]
    [InlineData("mandoc", "-T lint -W warning")]
    [InlineData("groff", "-man -ww -z -Kutf8")]
    public void Page_IsWithoutWarnings(string program, string arguments)
    {
        SkipUnlessInstalled(program);

        (int _, string warnings) = Read(program, arguments.Split(' '));

        // The page has no date on purpose: the same program prints the same page.
        Assert.DoesNotContain(
            warnings.Split('\n'),
            static line => line.Length > 0 && !line.EndsWith("WARNING: missing date, using \"\": TH", StringComparison.Ordinal));
    }

    [Fact]
    public void Page_AsRead_HasEveryVerb_EveryOption_EveryExample()
    {
        SkipUnlessInstalled("groff");
        (int exitCode, string text) = Read("groff", ["-man", "-Tascii", "-P-cbou", "-rLL=400n", "-rHY=0"]);
        string words = Squeeze(text);

        Assert.Equal(0, exitCode);
        Assert.All(AllVerbs, verb =>
        {
            Assert.Contains($"\n   {verb.Path}\n", text, StringComparison.Ordinal);
            Assert.Contains(Squeeze(verb.Verb.Summary), words, StringComparison.Ordinal);
            Assert.All(
                OptionTable.For(verb.Verb.OptionsType).Options.Where(static option => !option.IsHidden),
                option => Assert.Contains($"--{option.Name}", words, StringComparison.Ordinal));
            Assert.All(verb.Verb.Examples, example =>
                Assert.Contains(Squeeze(HelpWriter.CommandLine(example)), words, StringComparison.Ordinal));
        });
    }

    private static void SkipUnlessInstalled(string program) =>
        Assert.SkipUnless(File.Exists($"/usr/bin/{program}"), $"{program} is not installed (Debian package {program})");

    private static string Squeeze(string text) => string.Join(' ', text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

    private static (int ExitCode, string Output) Read(string program, string[] arguments)
    {
        using TempDirectory directory = new();
        File.WriteAllText(directory.File("kvmsev.1"), CliRunner.Run("man").Output);
        using Process process = Process.Start(new ProcessStartInfo(program, [.. arguments, "kvmsev.1"])
        {
            WorkingDirectory = directory.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), $"{program} still runs after 30 s");
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }
}
