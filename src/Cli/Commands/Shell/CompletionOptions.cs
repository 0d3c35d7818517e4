using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>The options of <c>completion</c>.</summary>
[Verb("completion", HelpText = "Print the completion script of a shell.")]
internal sealed class CompletionOptions : CommonOptions
{
    /// <summary>The shell.</summary>
    [Value(0, MetaName = "SHELL", Required = true, HelpText = "bash, zsh or fish.")]
    [Choices("bash", "zsh", "fish")]
    public string Shell { get; set; } = string.Empty;
}
