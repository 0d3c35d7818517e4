using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform status</c>.</summary>
[Verb("status", HelpText = "Print the SEV firmware's version, state, owner and guests.")]
internal sealed class PlatformStatusOptions : PlatformOptions;
