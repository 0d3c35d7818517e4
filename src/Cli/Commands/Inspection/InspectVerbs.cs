using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The verbs behind <c>kvmsev inspect</c>.</summary>
internal static class InspectVerbs
{
    /// <summary>All of them.</summary>
    internal static readonly VerbGroup Group = new(
        "inspect",
        "Look into a kernel, firmware, certificate, report or session.",
        [
            InspectKernelCommand.Verb, InspectOvmfCommand.Verb, InspectCertCommand.Verb, InspectReportCommand.Verb,
            InspectSessionCommand.Verb, InspectIdBlockCommand.Verb,
        ],
        []);
}
