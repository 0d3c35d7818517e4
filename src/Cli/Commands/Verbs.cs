using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Cli.Commands.Control;
using KvmSevVmm.Cli.Commands.Inspection;
using KvmSevVmm.Cli.Commands.Measure;
using KvmSevVmm.Cli.Commands.Platform;
using KvmSevVmm.Cli.Commands.Secrets;
using KvmSevVmm.Cli.Commands.Sessions;
using KvmSevVmm.Cli.Commands.Shell;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Every verb of the program.</summary>
internal static class Verbs
{
    /// <summary>What stands behind <c>kvmsev</c>.</summary>
    internal static readonly VerbGroup Root = new(
        null,
        "A virtual machine monitor for Linux KVM, made for AMD SEV guests: it knows which\nguest page is private and which is shared.",
        [
            RunCommand.Verb, CtlCommand.Verb, MeasureCommand.Verb, DoctorCommand.Verb, CompletionCommand.Verb, ManCommand.Verb,
            VersionCommand.Verb,
        ],
        [
            new VerbGroup(
                "map",
                "Show, compare, query and check maps of private and shared pages.",
                [MapShowCommand.Verb, MapTimelineCommand.Verb, MapDiffCommand.Verb, MapAtCommand.Verb, MapCheckCommand.Verb],
                []),
            PlatformVerbs.Group,
            SessionVerbs.Group,
            SecretVerbs.Group,
            AttestVerbs.Group,
            InspectVerbs.Group,
        ]);
}
