using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary>What every verb about one session is told.</summary>
internal abstract class SessionFileOptions : CommonOptions
{
    /// <summary>The session.</summary>
    [Value(0, MetaName = "SESSION", Required = true, HelpText = "The session: vm_session.b64, launch_blob.bin; raw or base64.")]
    public string Session { get; set; } = string.Empty;
}
