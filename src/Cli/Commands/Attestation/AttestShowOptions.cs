using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>The options of <c>attest show</c>.</summary>
[Verb("show", HelpText = "Show an attestation report, without judging it.")]
internal sealed class AttestShowOptions : CommonOptions
{
    /// <summary>The report.</summary>
    [Value(0, MetaName = "REPORT", Required = true, HelpText = "The report: raw, base64, hex, MSG_REPORT_RSP or Azure's HCL blob.")]
    public string Report { get; set; } = string.Empty;

    /// <summary>The generation of processors.</summary>
    [Option("product", MetaValue = "NAME", HelpText = "Milan, Genoa or Turin, for a report of version 2 that does not say.")]
    public string? Product { get; set; }
}
