using CommandLine;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary>The options of <c>session inspect</c>.</summary>
[Verb("inspect", HelpText = "Show a session and check whatever your keys can prove of it.")]
internal sealed class SessionInspectOptions : SessionFileOptions
{
    /// <summary>The owner's certificate.</summary>
    [Option("godh", MetaValue = "FILE", HelpText = "The owner's certificate that goes with it.")]
    public string? Godh { get; set; }

    /// <summary>The integrity key.</summary>
    [Option("tik", MetaValue = "FILE", HelpText = "Your TIK, raw or base64: proves the policy that the session is bound to.")]
    public string? Tik { get; set; }

    /// <summary>Both keys.</summary>
    [Option("tk", MetaValue = "FILE", HelpText = "TEK and TIK in one file, as sev-tool's tmp_tk.bin.")]
    public string? Tk { get; set; }

    /// <summary>The policy.</summary>
    [Option("policy", MetaValue = "POLICY", HelpText = "The policy that the guest is to have.")]
    public string? Policy { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Tik is not null && Tk is not null)
        {
            throw new Parsing.UsageException("--tik and --tk contradict each other");
        }
    }
}
