using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>What every verb of <c>inspect</c> is told: the file.</summary>
internal abstract class InspectOptions : CommonOptions
{
    /// <summary>The file.</summary>
    [Value(0, MetaName = "FILE", Required = true, HelpText = "The file; raw or base64 where it is a binary structure.")]
    public string File { get; set; } = string.Empty;
}
