using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class LegacyReportTests
{
    private static readonly byte[] Nonce = SHA256.HashData("nonce"u8)[..16];
    private static readonly byte[] Digest = SHA256.HashData("guest"u8);
    private static readonly SevPolicy Policy = new(0x28010005);

    [Fact]
    public void Verify_SevToolsReport_SignatureHoldsAndTheRestIsNotChecked()
    {
        LegacyAttestationReport report = LegacyAttestationReport.Parse(
            Vectors.Bytes("amd-sev-tool/attestation-legacy/attestation_report.bin"),
            "report");
        SevCertificate pek = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/attestation-legacy/pek.cert"), "pek");

        VerificationReport result = LegacyReportVerifier.Verify(report, new LegacyReportExpectations { Pek = pek });

        Assert.Equal(CheckOutcome.Pass, result.Find("report.signature")!.Outcome);
        Assert.Equal(CheckOutcome.Pass, result.Find("report.form")!.Outcome);
        Assert.Equal(
            ["chain.pek", "report.nonce", "report.launch-digest", "report.policy"],
            result.Checks.Where(check => check.Outcome == CheckOutcome.NotChecked).Select(check => check.Name));
        Assert.Equal(CheckOutcome.NotChecked, result.Verdict);
    }

    [Fact]
    public void Verify_SevToolsReportWithOneByteChanged_IsRefused()
    {
        byte[] valid = Vectors.Bytes("amd-sev-tool/attestation-legacy/attestation_report.bin");
        SevCertificate pek = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/attestation-legacy/pek.cert"), "pek");
        for (int offset = 0; offset < LegacyAttestationReport.SignedSize; offset++)
        {
            byte[] damaged = [.. valid];
            damaged[offset]++;

            VerificationReport result = LegacyReportVerifier.Verify(
                LegacyAttestationReport.Parse(damaged, "report"),
                new LegacyReportExpectations { Pek = pek });

            Assert.Equal(["report.signature"], result.Failures.Select(check => check.Name));
        }
    }

    [Fact]
    public void Verify_EverythingKnownAndRight_Passes()
    {
        using TestPlatform platform = TestPlatform.Create();

        VerificationReport result = LegacyReportVerifier.Verify(MakeReport(platform), Expect(platform));

        Assert.All(result.Checks, check => Assert.True(check.Outcome == CheckOutcome.Pass, check.ToString()));
        Assert.Equal(CheckOutcome.Pass, result.Verdict);
        Assert.Equal(
            [
                "ark.pinned", "ark.self-signature", "ask.signed-by-ark", "cek.signed-by-ask", "oca.self-signature",
                "pek.signed-by-oca", "pek.signed-by-cek", "pdh.signed-by-pek", "chain.pek", "report.form", "report.signature",
                "report.nonce", "report.launch-digest", "report.policy",
            ],
            result.Checks.Select(check => check.Name));
    }

    [Fact]
    public void Verify_EveryBitFlipped_IsRefused()
    {
        using TestPlatform platform = TestPlatform.Create();
        LegacyReportExpectations expected = Expect(platform) with { Chain = null };

        foreach ((int bit, byte[] damaged) in BitFlips.Of(MakeReport(platform).Bytes.ToArray()))
        {
            VerificationReport result = LegacyReportVerifier.Verify(LegacyAttestationReport.Parse(damaged, "report"), expected);
            Assert.True(result.HasFailures, $"bit {bit}");
        }
    }

    [Fact]
    public void Verify_OneExpectationDiffers_NamesIt()
    {
        using TestPlatform platform = TestPlatform.Create();
        using TestPlatform other = TestPlatform.Create(other: true);
        LegacyAttestationReport report = MakeReport(platform);
        LegacyReportExpectations right = Expect(platform);
        (LegacyReportExpectations Expected, string[] Broken)[] cases =
        [
            (right with { Nonce = new byte[16] }, ["report.nonce"]),
            (right with { Nonce = Nonce.AsMemory(0, 15) }, ["report.nonce"]),
            (right with { LaunchDigest = new byte[32] }, ["report.launch-digest"]),
            (right with { Policy = new SevPolicy(4) }, ["report.policy"]),
            (right with { Anchors = TrustAnchors.AmdOnly }, ["ark.pinned"]),
            (right with { Pek = other.Chain.Pek }, ["chain.pek", "report.signature"]),
            (right with { Chain = other.Chain, Anchors = other.Anchors }, ["chain.pek"]),
            (right with { Pek = platform.Chain.Pdh }, ["chain.pek", "report.form", "report.signature"]),
        ];
        foreach ((LegacyReportExpectations expected, string[] broken) in cases)
        {
            Assert.Equal(broken, LegacyReportVerifier.Verify(report, expected).Failures.Select(check => check.Name));
        }
    }

    [Fact]
    public void Create_Report_HoldsWhatItWasGiven()
    {
        using TestPlatform platform = TestPlatform.Create();

        LegacyAttestationReport report = MakeReport(platform);

        Assert.Equal(LegacyAttestationReport.Size, report.Bytes.Length);
        Assert.Equal(Nonce, report.Nonce.ToArray());
        Assert.Equal(Digest, report.LaunchDigest.ToArray());
        Assert.Equal(Policy, report.Policy);
        Assert.Equal(SevKeyUsage.Pek, report.SignatureUsage);
        Assert.Equal(SevKeyAlgorithm.EcdsaSha256, report.SignatureAlgorithm);
        Assert.Throws<ArgumentException>(() => LegacyAttestationReport.Create(new byte[15], Digest, Policy, platform.PekKey));
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefusesOrFails()
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] valid = MakeReport(platform).Bytes.ToArray();
        LegacyReportExpectations expected = Expect(platform) with { Chain = null };
        Fuzz.Truncate(valid, bytes => Assert.Throws<SevFormatException>(() => LegacyAttestationReport.Parse(bytes, "fuzz")));
        int count = 0;
        Fuzz.Mutate([valid], bytes =>
        {
            LegacyAttestationReport report = LegacyAttestationReport.Parse(bytes, "fuzz");
            if (count++ % 20 == 0 && !bytes.AsSpan().SequenceEqual(valid))
            {
                Assert.True(LegacyReportVerifier.Verify(report, expected).HasFailures);
            }
        });
    }

    private static LegacyAttestationReport MakeReport(TestPlatform platform) =>
        LegacyAttestationReport.Create(Nonce, Digest, Policy, platform.PekKey);

    private static LegacyReportExpectations Expect(TestPlatform platform) => new()
    {
        Pek = platform.Chain.Pek,
        Chain = platform.Chain,
        Anchors = platform.Anchors,
        Nonce = Nonce,
        LaunchDigest = Digest,
        Policy = Policy,
    };
}
