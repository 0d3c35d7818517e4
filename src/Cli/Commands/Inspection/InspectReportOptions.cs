using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect report</c>.</summary>
[Verb("report", HelpText = "Show an attestation report, without judging it.")]
internal sealed class InspectReportOptions : InspectOptions;
