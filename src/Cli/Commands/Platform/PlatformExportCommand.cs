using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform export</c>: PDH_CERT_EXPORT, in the files that sevctl and sev-tool make of it.</summary>
internal static class PlatformExportCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformExportOptions>(
        "kvmsev platform export FILE [OPTIONS]\n       kvmsev platform export --out-dir DIR [OPTIONS]",
        """
        FILE is PDH, PEK, OCA and CEK one behind the other (8336 bytes), with --full
        followed by AMD's ASK and ARK. The platform exports its CEK unsigned; AMD
        signs it: fetch it from the address that 'kvmsev platform id' prints and give
        it to --cek, here or when a session is created. A model signs for itself and
        always exports the signed one, and with --out-dir the VCEK that signs its SNP
        reports; its authority is not AMD's.
        """,
        [
            new VerbExample("For the guest owner, one file:", "platform", "export", "platform.chain", "--model", "psp", "--full"),
            new VerbExample("One file for each certificate:", "platform", "export", "--out-dir", "certs", "--model", "psp"),
        ],
        Execute);

    private static int Execute(PlatformExportOptions options, CliContext context)
    {
        // The inputs first: a mistake in them shows before the firmware is asked.
        (SevCertificate? cek, AskArk? authority) = CertificateFiles.ReadMissing(options.Cek, options.AskArk);
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        SevCertificateChain chain = ReadChain(platform);
        chain = CertificateFiles.Complete(chain, cek, options.Cek, authority);
        if (options.Full && chain.Authority is null)
        {
            throw new UsageException(
                "--full: this platform does not know AMD's ASK and ARK", "give AMD's file for this processor to --ask-ark");
        }

        IReadOnlyList<string> files = options.OutDir is { } directory
            ? WriteDirectory(directory, chain, platform.Model, options, context)
            : WriteFile(options.File!, chain, options, context);
        if (options.File != "-")
        {
            Describe(platform, chain, files).Write("kvmsev.platform-export/1", options.Json, context);
        }

        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }

    private static SevCertificateChain ReadChain(PlatformAccess platform)
    {
        if (platform.Model is { } model)
        {
            return model.ExportChain();
        }

        PdhExport export = platform.Commands.ExportPdh();
        return SevCertificateChain.ParsePlatformExport(
            export.Pdh.Span, export.Chain.Span, $"{platform.Name} (PDH)", $"{platform.Name} (chain)");
    }

    private static string[] WriteFile(string path, SevCertificateChain chain, PlatformExportOptions options, CliContext context)
    {
        byte[] export = (options.Full ? chain : chain with { Authority = null }).ToExport();
        OutputBlob.Write("FILE", path, export, Encoding(options), context);
        return [path];
    }

    private static List<string> WriteDirectory(
        string directory, SevCertificateChain chain, SoftwarePsp? model, PlatformExportOptions options, CliContext context)
    {
        List<(string Name, byte[] Bytes)> files =
        [
            ("pdh.cert", chain.Pdh.Bytes.ToArray()),
            ("pek.cert", chain.Pek.Bytes.ToArray()),
            ("oca.cert", chain.Oca.Bytes.ToArray()),
            ("cek.cert", chain.Cek.Bytes.ToArray()),
        ];
        if (chain.Authority is { } authority)
        {
            files.Add(("ask.cert", authority.Ask.Bytes.ToArray()));
            files.Add(("ark.cert", authority.Ark.Bytes.ToArray()));
        }

        if (model is not null)
        {
            // The key that signs a model's SNP reports; a real chip's is AMD's to hand out.
            AmdX509Chain snp = model.ExportVcekChain();
            files.Add(("vcek.pem", Pem(snp.Endorsement!)));
            files.Add(("ask.pem", Pem(snp.Signer)));
            files.Add(("ark.pem", Pem(snp.Ark)));
        }

        Directory.CreateDirectory(directory);
        List<string> written = [];
        foreach ((string name, byte[] bytes) in files)
        {
            string path = Path.Combine(directory, name);
            bool isText = name.EndsWith(".pem", StringComparison.Ordinal);
            OutputBlob.Write("--out-dir", path, bytes, isText ? BlobEncoding.Raw : Encoding(options), context);
            written.Add(path);
        }

        return written;
    }

    private static byte[] Pem(AmdX509Certificate certificate) => System.Text.Encoding.ASCII.GetBytes(certificate.ToPem() + "\n");

    private static BlobEncoding Encoding(PlatformExportOptions options) => options.Base64 ? BlobEncoding.Base64 : BlobEncoding.Raw;

    private static FactSheet Describe(PlatformAccess platform, SevCertificateChain chain, IEnumerable<string> files)
    {
        FactSheet sheet = platform.BeginAnswer()
            .Add("files", files)
            .Add("CEK", chain.Cek.IsUnsigned ? "unsigned: fetch the signed one from AMD ('kvmsev platform id')" : "signed")
            .Add("authority", DescribeAuthority(platform, chain));
        FactSheet prints = sheet.AddSection("fingerprints");
        foreach (SevCertificate certificate in (SevCertificate[])[chain.Pdh, chain.Pek, chain.Oca, chain.Cek])
        {
            prints.Add(certificate.Usage.ToName(), certificate.GetFingerprint());
        }

        return sheet;
    }

    private static string DescribeAuthority(PlatformAccess platform, SevCertificateChain chain) => chain.Authority switch
    {
        null => "AMD (ASK and ARK not at hand)",
        _ when platform.Model is not null => "the software PSP's own ASK and ARK, not AMD's",
        _ => "AMD",
    };
}
