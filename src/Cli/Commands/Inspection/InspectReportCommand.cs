using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect report</c>: the same as <c>attest show</c>, for whoever looks for it here.</summary>
internal static class InspectReportCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectReportOptions>(
        "kvmsev inspect report FILE [OPTIONS]",
        """
        The same as 'kvmsev attest show'. Nothing of what it prints is verified; 'kvmsev
        attest verify' does that.
        """,
        [
            new VerbExample("What does it say?", "inspect", "report", "report.bin"),
            new VerbExample("For a script:", "inspect", "report", "report.bin", "--json"),
        ],
        static (options, context) => AttestShowCommand.Show(options.File, product: null, options, context));
}
