using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect cert</c>.</summary>
[Verb("cert", HelpText = "Show certificates: SEV, ASK/ARK, chains, X.509, revocation lists.")]
internal sealed class InspectCertOptions : InspectOptions;
