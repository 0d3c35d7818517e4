using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect id-block</c>.</summary>
[Verb("id-block", HelpText = "Show an SNP ID block or ID authentication, and check its signatures.")]
internal sealed class InspectIdBlockOptions : InspectOptions
{
    /// <summary>The signatures.</summary>
    [Option("id-auth", MetaValue = "FILE", HelpText = "The ID authentication that goes with the block.")]
    public string? IdAuth { get; set; }
}
