using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform import</c>: PEK_CERT_IMPORT.</summary>
internal static class PlatformImportCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformImportOptions>(
        "kvmsev platform import PEK OCA [OPTIONS]",
        """
        The signatures are looked at here first, so that a mistake is named before the
        firmware says no. The platform must have no guests and no owner; 'kvmsev
        platform reset' makes it its own again.
        """,
        [
            new VerbExample("Take over:", "platform", "import", "pek_csr.signed.cert", "oca.cert", "--model", "psp"),
            new VerbExample("On hardware:", "platform", "import", "pek_csr.signed.cert", "oca.cert", "--yes"),
        ],
        Execute);

    private static int Execute(PlatformImportOptions options, CliContext context)
    {
        SevCertificate pek = CertificateFiles.ReadCertificate("PEK", options.Pek, SevKeyUsage.Pek);
        SevCertificate oca = CertificateFiles.ReadCertificate("OCA", options.Oca, SevKeyUsage.Oca);
        RequireSigned(options.Oca, oca, oca);
        RequireSigned(options.Pek, pek, oca);
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        platform.RequireConfirmation(options.Yes, "the platform gets an owner and a new PDH, sessions for the old one are void");
        platform.Commands.ImportPek(pek.Bytes, oca.Bytes);
        platform.BeginAnswer()
            .Add("owner", "external")
            .Add("OCA fingerprint", oca.GetFingerprint())
            .Write("kvmsev.platform-import/1", options.Json, context);
        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }

    private static void RequireSigned(string path, SevCertificate certificate, SevCertificate oca)
    {
        if (!certificate.IsSignedBy(oca, out string reason))
        {
            throw new Sev.SevFormatException(path, "signature", reason);
        }
    }
}
