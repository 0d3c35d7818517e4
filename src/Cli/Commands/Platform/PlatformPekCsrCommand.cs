using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform pek-csr</c>: PEK_CSR.</summary>
internal static class PlatformPekCsrCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformPekCsrOptions>(
        "kvmsev platform pek-csr FILE [OPTIONS]",
        """
        The request is the PEK with both signatures left open. Who wants to own the
        platform signs it with the owner's key ('sev-tool --sign_pek_csr', 'sevctl
        provision'); 'kvmsev platform import' takes the answer.
        """,
        [
            new VerbExample("For the owner to sign:", "platform", "pek-csr", "pek_csr.cert", "--model", "psp"),
        ],
        Execute);

    private static int Execute(PlatformPekCsrOptions options, CliContext context)
    {
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        byte[] request = platform.Commands.RequestPekSignature();
        SevCertificate pek = SevCertificate.Parse(request, $"{platform.Name} (PEK_CSR)");
        OutputBlob.Write("FILE", options.File, request, options.Base64 ? BlobEncoding.Base64 : BlobEncoding.Raw, context);
        if (options.File != "-")
        {
            platform.BeginAnswer()
                .Add("file", options.File)
                .Add("PEK fingerprint", pek.GetFingerprint())
                .Write("kvmsev.platform-pek-csr/1", options.Json, context);
        }

        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }
}
