using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect cert</c>: whatever certificate a file holds.</summary>
internal static class InspectCertCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectCertOptions>(
        "kvmsev inspect cert FILE [OPTIONS]",
        """
        What the file is, is found out: a SEV certificate (PDH, PEK, OCA, CEK), AMD's
        ASK or ARK, an ask_ark file, a chain of 'sevctl export', X.509 in PEM or DER,
        a list of revoked certificates, or the certificate table that a host gives its
        guest. Nothing is verified here, but root keys of AMD's are named.
        """,
        [
            new VerbExample("What is in this export?", "inspect", "cert", "platform.chain"),
            new VerbExample("Which firmware does this VCEK stand for?", "inspect", "cert", "vcek.der"),
        ],
        Execute);

    private static int Execute(InspectCertOptions options, CliContext context)
    {
        CertificateFacts.Describe(options.File, InputBlob.ReadContent("FILE", options.File))
            .Write("kvmsev.certificates/1", options.Json, context);
        return ExitCode.Success;
    }
}
