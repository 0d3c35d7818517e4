using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary>The options of <c>session create</c>.</summary>
[Verb("create", HelpText = "Make keys and session for launching a guest on one platform.")]
internal sealed class SessionCreateOptions : CommonOptions
{
    /// <summary>The platform's certificates.</summary>
    [Value(0, MetaName = "CHAIN", Required = true,
        HelpText = "The platform's export: a file of 'sevctl export', a directory of certificates, or a PDH.")]
    public string Chain { get; set; } = string.Empty;

    /// <summary>The guest's policy.</summary>
    [Option("policy", Required = true, MetaValue = "POLICY", HelpText = "The guest's policy: a number, or names such as nodbg,noks,es.")]
    public string Policy { get; set; } = string.Empty;

    /// <summary>How the files begin.</summary>
    [Option("name", MetaValue = "PREFIX", Default = "vm", HelpText = "How the files' names begin.")]
    public string Prefix { get; set; } = "vm";

    /// <summary>The signed CEK.</summary>
    [Option("cek", MetaValue = "FILE", HelpText = "The CEK that AMD signed, where the export has it unsigned.")]
    public string? Cek { get; set; }

    /// <summary>AMD's certificates.</summary>
    [Option("ask-ark", MetaValue = "FILE", HelpText = "AMD's ask_ark file for the processor, where the export lacks it.")]
    public string? AskArk { get; set; }

    /// <summary>Whether a model's chain will do.</summary>
    [Option("allow-simulated", HelpText = "Accept the software PSP's chain. Nothing under it is confidential.")]
    public bool AllowSimulated { get; set; }

    /// <summary>Whether an unproven chain will do.</summary>
    [Option("unverified", HelpText = "Do not ask who holds the PDH. Whoever does can read the keys.")]
    public bool Unverified { get; set; }

    /// <summary>Whether the host's files are raw.</summary>
    [Option("raw", HelpText = "Write PREFIX_godh.cert and PREFIX_session.bin, raw, instead of base64.")]
    public bool Raw { get; set; }

    /// <summary>Whether old files are replaced.</summary>
    [Option("force", HelpText = "Replace files of these names. The old session's keys are lost.")]
    public bool Force { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Unverified && AllowSimulated)
        {
            throw new UsageException("--unverified and --allow-simulated contradict each other");
        }

        if (Prefix.Length == 0)
        {
            throw new UsageException("--name: the name is empty");
        }
    }
}
