using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>The options of <c>man</c>.</summary>
[Verb("man", HelpText = "Print the manual page.")]
internal sealed class ManOptions : CommonOptions
{
}
