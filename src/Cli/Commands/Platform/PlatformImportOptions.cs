using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform import</c>.</summary>
[Verb("import", HelpText = "Install a signed platform key: the platform gets an owner.")]
internal sealed class PlatformImportOptions : PlatformOptions
{
    /// <summary>The signed key.</summary>
    [Value(0, MetaName = "PEK", Required = true, HelpText = "The signed PEK, raw or base64.")]
    public string Pek { get; set; } = string.Empty;

    /// <summary>The owner's certificate.</summary>
    [Value(1, MetaName = "OCA", Required = true, HelpText = "The owner's certificate, raw or base64.")]
    public string Oca { get; set; } = string.Empty;

    /// <summary>Whether the user is sure.</summary>
    [Option("yes", HelpText = "Do it: the PDH is replaced, sessions made for the old one are void. A model does not ask.")]
    public bool Yes { get; set; }
}
