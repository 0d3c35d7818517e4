using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary><c>man</c>: the manual page, made of the same words as the help.</summary>
internal static class ManCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<ManOptions>(
        "kvmsev man [OPTIONS]",
        "The page is roff with the macros of man(7): kvmsev man | man -l -",
        [new VerbExample("As a file for man -l:", "man")],
        Execute);

    private static int Execute(ManOptions options, CliContext context)
    {
        string page = ManPage.Write(Verbs.Root, VersionCommand.ProgramVersion);
        context.Write(options.Json
            ? JsonAnswer.Make("kvmsev.man/1", json => json.WriteString("page"u8, page))
            : page);
        return ExitCode.Success;
    }
}
