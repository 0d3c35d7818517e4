using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect ovmf</c>.</summary>
[Verb("ovmf", HelpText = "Show the GUID table and SNP metadata of a firmware image.")]
internal sealed class InspectOvmfOptions : InspectOptions;
