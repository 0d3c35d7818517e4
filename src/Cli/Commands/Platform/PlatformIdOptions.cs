using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform id</c>.</summary>
[Verb("id", HelpText = "Print the chip's identity and where AMD has its certificate.")]
internal sealed class PlatformIdOptions : PlatformOptions;
