using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform reset</c>.</summary>
[Verb("reset", HelpText = "Forget the owner and make new keys (FACTORY_RESET).")]
internal sealed class PlatformResetOptions : PlatformOptions
{
    /// <summary>Whether the user is sure.</summary>
    [Option("yes", HelpText = "Do it: owner, PEK and PDH are lost for ever. A model does not ask.")]
    public bool Yes { get; set; }
}
