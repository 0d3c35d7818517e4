using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary><c>completion</c>: what a shell needs to complete a command line.</summary>
internal static class CompletionCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<CompletionOptions>(
        "kvmsev completion {bash|zsh|fish} [OPTIONS]",
        """
        bash: eval "$(kvmsev completion bash)", in ~/.bashrc for example.
        zsh:  write it to a file _kvmsev in a directory of $fpath.
        fish: kvmsev completion fish | source
        The Debian package brings all three along.
        """,
        [
            new VerbExample("For bash, in ~/.bashrc within eval \"$(...)\":", "completion", "bash"),
            new VerbExample("For fish, piped into source:", "completion", "fish"),
        ],
        Execute);

    private static int Execute(CompletionOptions options, CliContext context)
    {
        CompletionTree tree = CompletionTree.Of(Verbs.Root);
        string script = options.Shell switch
        {
            "bash" => BashCompletion.Write(tree),
            "zsh" => ZshCompletion.Write(tree),
            "fish" => FishCompletion.Write(tree),
            string other => throw new UsageException($"SHELL: '{other}' is none of bash, zsh, fish"),
        };
        context.Write(options.Json
            ? JsonAnswer.Make("kvmsev.completion/1", json =>
            {
                json.WriteString("shell"u8, options.Shell);
                json.WriteString("script"u8, script);
            })
            : script);
        return ExitCode.Success;
    }
}
