using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary>The options of <c>secret inject</c>.</summary>
[Verb("inject", HelpText = "Put a packaged secret into a guest that waits for its owner.")]
internal sealed class SecretInjectOptions : CommonOptions
{
    /// <summary>The control socket.</summary>
    [Option("socket", Required = true, MetaValue = "PATH", HelpText = "Control socket of the machine: its --api-socket.")]
    public string? Socket { get; set; }

    /// <summary>The packet's header.</summary>
    [Option("header", Required = true, MetaValue = "FILE", HelpText = "Header of the packet, raw or base64.")]
    public string? Header { get; set; }

    /// <summary>The packet's data.</summary>
    [Option("secret", Required = true, MetaValue = "FILE", HelpText = "Encrypted secret, raw or base64.")]
    public string? Secret { get; set; }

    /// <summary>Where it goes.</summary>
    [Option("gpa", MetaValue = "GPA", HelpText = "Guest address for the secret. Default: the guest's own place for it.")]
    public string? Gpa { get; set; }

    /// <summary>Whether the guest is to run then.</summary>
    [Option("continue", HelpText = "Let the guest run when the secret is in.")]
    public bool Continue { get; set; }
}
