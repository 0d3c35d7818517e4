using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Verifies a report of SEV or SEV-ES against what the user expects.</summary>
internal static class LegacyVerification
{
    private const int NonceSize = 16;

    /// <summary>Verifies.</summary>
    /// <param name="options">What the user expects.</param>
    /// <param name="report">The report.</param>
    /// <returns>What was found, and the checks without which nothing is proven.</returns>
    internal static (VerificationReport Report, string[] Core) Verify(AttestVerifyOptions options, LegacyAttestationReport report)
    {
        OptionScope.Refuse("a report of SEV or SEV-ES", OptionScope.SnpOnly(options));
        OptionScope.Refuse("a report of SEV or SEV-ES", OptionScope.MeasurementOnly(options));
        (SevCertificate pek, SevCertificateChain? chain) = ReadSigner(options);
        LegacyReportExpectations expected = new()
        {
            Pek = pek,
            Chain = chain,
            Anchors = ChainWords.Anchors(options.AllowSimulated),
            Nonce = options.Nonce is { } nonce ? HexValue.Parse("--nonce", nonce, NonceSize) : default(ReadOnlyMemory<byte>?),
            LaunchDigest = options.Digests is { } digests ? ParseOne(digests) : default(ReadOnlyMemory<byte>?),
            Policy = options.Policy is { } policy ? PolicyValue.ParseSev("--policy", policy) : null,
        };
        return (LegacyReportVerifier.Verify(report, expected), ["ark.pinned", "cek.signed-by-ask", "chain.pek", "report.signature"]);
    }

    /// <summary>The one launch digest of a SEV or SEV-ES guest.</summary>
    /// <param name="digests">What the user wrote.</param>
    /// <exception cref="UsageException">There are several.</exception>
    internal static byte[] ParseOne(string[] digests) => digests is [{ } only]
        ? HexValue.Parse("--digest", only, LaunchMeasure.DigestSize)
        : throw new UsageException("--digest: a SEV or SEV-ES guest has one launch digest");

    private static (SevCertificate Pek, SevCertificateChain? Chain) ReadSigner(AttestVerifyOptions options)
    {
        string path = options.Certs ?? throw new UsageException(
            "--certs is required for a report of SEV or SEV-ES", "give the platform's export, or its PEK alone");
        (SevCertificate? cek, AskArk? authority) = CertificateFiles.ReadMissing(options.Cek, options.AskArk);
        if (!Directory.Exists(path)
            && EncodedBlob.DecodeAny(InputBlob.ReadContent("--certs", path)).Bytes.Length == SevCertificate.Size)
        {
            return (CertificateFiles.ReadCertificate("--certs", path, SevKeyUsage.Pek), null);
        }

        SevCertificateChain chain = CertificateFiles.Complete(
            CertificateFiles.ReadChain("--certs", path, out _), cek, options.Cek, authority);
        return (chain.Pek, chain);
    }
}
