using CommandLine;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform pek-csr</c>.</summary>
[Verb("pek-csr", HelpText = "Write the platform's key as a request for an owner to sign.")]
internal sealed class PlatformPekCsrOptions : PlatformOptions
{
    /// <summary>The file.</summary>
    [Value(0, MetaName = "FILE", Required = true, HelpText = "Takes the request, 2084 bytes; - for stdout.")]
    public string File { get; set; } = string.Empty;

    /// <summary>Whether FILE is base64.</summary>
    [Option("base64", HelpText = "Write base64 instead of raw bytes.")]
    public bool Base64 { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (File == "-" && Json)
        {
            throw new Parsing.UsageException("--json and '-' both want the standard output");
        }
    }
}
