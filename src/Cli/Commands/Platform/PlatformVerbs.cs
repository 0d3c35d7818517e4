using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The verbs behind <c>kvmsev platform</c>.</summary>
internal static class PlatformVerbs
{
    /// <summary>All of them.</summary>
    internal static readonly VerbGroup Group = new(
        "platform",
        "Look at and manage the SEV firmware of a host, or of a model.",
        [
            PlatformStatusCommand.Verb, PlatformExportCommand.Verb, PlatformIdCommand.Verb, PlatformPekCsrCommand.Verb,
            PlatformImportCommand.Verb, PlatformRotateCommand.Verb, PlatformResetCommand.Verb,
        ],
        []);
}
