using KvmSevVmm.Cli.Commands.Sessions;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect session</c>: a session's fields.</summary>
internal static class InspectSessionCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectSessionOptions>(
        "kvmsev inspect session FILE [OPTIONS]",
        """
        Any 128 bytes are a session; only the platform can tell whether it is genuine.
        'kvmsev session inspect' checks what the owner's keys can prove.
        """,
        [
            new VerbExample("Its fields:", "inspect", "session", "vm_session.b64"),
            new VerbExample("For a script:", "inspect", "session", "launch_blob.bin", "--json"),
        ],
        Execute);

    private static int Execute(InspectSessionOptions options, CliContext context)
    {
        EncodedBlob blob = InputBlob.Read("FILE", options.File, "session", SessionBlob.Size);
        SessionFacts.Describe(options.File, blob.EncodingName, SessionBlob.Parse(blob.Bytes, options.File))
            .Write("kvmsev.session/1", options.Json, context);
        return ExitCode.Success;
    }
}
