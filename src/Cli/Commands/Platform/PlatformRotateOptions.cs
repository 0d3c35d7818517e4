using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform rotate</c>.</summary>
[Verb("rotate", HelpText = "Make a new PDH (PDH_GEN), or a new PEK (PEK_GEN).")]
internal sealed class PlatformRotateOptions : PlatformOptions
{
    /// <summary>Whether the endorsement key is replaced too.</summary>
    [Option("pek", HelpText = "Make a new PEK too (PEK_GEN): the platform is its own owner again.")]
    public bool Pek { get; set; }

    /// <summary>Whether the user is sure.</summary>
    [Option("yes", HelpText = "Do it: sessions made for the old key are void. A model does not ask.")]
    public bool Yes { get; set; }
}
