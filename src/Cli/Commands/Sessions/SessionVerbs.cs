using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary>The verbs behind <c>kvmsev session</c>.</summary>
internal static class SessionVerbs
{
    /// <summary>All of them.</summary>
    internal static readonly VerbGroup Group = new(
        "session",
        "The sessions with which owners launch SEV and SEV-ES guests.",
        [SessionCreateCommand.Verb, SessionInspectCommand.Verb],
        []);
}
