using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect kernel</c>.</summary>
[Verb("kernel", HelpText = "Show how a kernel file will be loaded and entered.")]
internal sealed class InspectKernelOptions : InspectOptions;
