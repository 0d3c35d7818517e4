using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The options of <c>platform export</c>.</summary>
[Verb("export", HelpText = "Export the platform's certificates, for guest owners.")]
internal sealed class PlatformExportOptions : PlatformOptions
{
    /// <summary>The file with all of them.</summary>
    [Value(0, MetaName = "FILE",
        HelpText = "Takes the chain, one certificate behind the other, as 'sevctl export' writes it; - for stdout.")]
    public string? File { get; set; }

    /// <summary>The directory with one file for each.</summary>
    [Option("out-dir", MetaValue = "DIR", HelpText = "Write pdh.cert, pek.cert, oca.cert, cek.cert into DIR, as sev-tool names them.")]
    public string? OutDir { get; set; }

    /// <summary>Whether AMD's certificates go in too.</summary>
    [Option("full", HelpText = "Append ASK and ARK, as 'sevctl export --full' does; a model has them, hardware needs --ask-ark.")]
    public bool Full { get; set; }

    /// <summary>The signed CEK.</summary>
    [Option("cek", MetaValue = "FILE",
        HelpText = "The CEK that AMD signed ('platform id' prints where AMD has it), instead of the unsigned one.")]
    public string? Cek { get; set; }

    /// <summary>AMD's certificates.</summary>
    [Option("ask-ark", MetaValue = "FILE", HelpText = "AMD's ask_ark file for this processor.")]
    public string? AskArk { get; set; }

    /// <summary>Whether FILE is base64.</summary>
    [Option("base64", HelpText = "Write base64 instead of raw bytes.")]
    public bool Base64 { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if ((File is null) == (OutDir is null))
        {
            throw new UsageException(
                File is null ? "say where the certificates go: FILE or --out-dir DIR" : "FILE and --out-dir contradict each other");
        }

        if (Model is not null && (Cek is not null || AskArk is not null))
        {
            throw new UsageException("--cek and --ask-ark are AMD's; a model has an authority of its own");
        }

        if (File == "-" && Json)
        {
            throw new UsageException("--json and '-' both want the standard output");
        }
    }
}
