using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// Verifies a legacy attestation report completely: form, signature, the signer's chain, freshness, what runs, and under which policy.
/// </summary>
public static class LegacyReportVerifier
{
    /// <summary>Verifies.</summary>
    /// <param name="report">The report.</param>
    /// <param name="expected">What must hold.</param>
    /// <returns>
    /// The chain's checks (see <see cref="SevChainVerifier"/>) and <c>chain.pek</c>, <c>report.form</c>, <c>report.signature</c>,
    /// <c>report.nonce</c>, <c>report.launch-digest</c>, <c>report.policy</c>.
    /// </returns>
    public static VerificationReport Verify(LegacyAttestationReport report, LegacyReportExpectations expected)
    {
        CheckList checks = new();
        CheckChain(checks, expected);
        CheckForm(checks, report, expected.Pek);
        CheckSignature(checks, report, expected.Pek);
        CheckBytes(checks, "report.nonce", report.Nonce, expected.Nonce, "no nonce was given: the report may be an old one");
        CheckBytes(
            checks,
            "report.launch-digest",
            report.LaunchDigest,
            expected.LaunchDigest,
            $"no launch digest was given; the report says {Convert.ToHexStringLower(report.LaunchDigest)}");
        if (expected.Policy is { } policy)
        {
            checks.Add(
                "report.policy",
                report.Policy == policy,
                report.Policy == policy ? $"{policy}" : $"{report.Policy} instead of {policy}");
        }
        else
        {
            checks.NotChecked("report.policy", $"no policy was given; the report says {report.Policy} ({report.Policy.ToNames()})");
        }

        return checks.ToReport();
    }

    private static void CheckChain(CheckList checks, LegacyReportExpectations expected)
    {
        const string Name = "chain.pek";
        if (expected.Chain is null)
        {
            checks.NotChecked(Name, "no certificate chain was given: anybody can make a PEK");
            return;
        }

        checks.Append(SevChainVerifier.Verify(expected.Chain, expected.Anchors));
        bool isSame = expected.Chain.Pek.Body.SequenceEqual(expected.Pek.Body);
        checks.Add(Name, isSame, isSame ? "the chain's PEK is the report's" : "the chain holds another PEK");
    }

    private static void CheckForm(CheckList checks, LegacyAttestationReport report, SevCertificate pek)
    {
        bool isRight = report.SignatureUsage == SevKeyUsage.Pek
            && report.SignatureAlgorithm == pek.Algorithm
            && report.Reserved == 0;
        string signature = $"{report.SignatureUsage.ToName()} with {report.SignatureAlgorithm.ToName()}";
        checks.Add("report.form", isRight, $"signature by {signature}, reserved field 0x{report.Reserved:x}");
    }

    private static void CheckSignature(CheckList checks, LegacyAttestationReport report, SevCertificate pek)
    {
        const string Name = "report.signature";
        if (pek.Usage != SevKeyUsage.Pek || pek.Algorithm is not (SevKeyAlgorithm.EcdsaSha256 or SevKeyAlgorithm.EcdsaSha384))
        {
            checks.Fail(Name, $"a {pek.Usage.ToName()} with {pek.Algorithm.ToName()} signs no reports");
            return;
        }

        ReadOnlySpan<byte> signed = report.Bytes[..LegacyAttestationReport.SignedSize];
        bool isValid = AmdEcdsaSignature.Verify(pek.GetEcPublicKey(), signed, pek.Algorithm.ToHash(), report.Signature);
        checks.Add(Name, isValid, $"the signature by the PEK {(isValid ? "verifies" : "does not verify")}");
    }

    private static void CheckBytes(
        CheckList checks,
        string name,
        ReadOnlySpan<byte> found,
        ReadOnlyMemory<byte>? expected,
        string unknown)
    {
        if (expected is not { } wanted)
        {
            checks.NotChecked(name, unknown);
            return;
        }

        bool isSame = found.SequenceEqual(wanted.Span);
        string text = Convert.ToHexStringLower(found);
        checks.Add(name, isSame, isSame ? text : $"{text} instead of {Convert.ToHexStringLower(wanted.Span)}");
    }
}
