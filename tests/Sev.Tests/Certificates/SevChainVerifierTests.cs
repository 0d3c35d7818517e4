using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Certificates;

public sealed class SevChainVerifierTests
{
    private static readonly string[] Steps =
    [
        "ark.pinned", "ark.self-signature", "ask.signed-by-ark", "cek.signed-by-ask",
        "oca.self-signature", "pek.signed-by-oca", "pek.signed-by-cek", "pdh.signed-by-pek",
    ];

    [Fact]
    public void Verify_RealNaplesPlatform_PassesEveryStepInOrder()
    {
        VerificationReport report = SevChainVerifier.Verify(ReadNaples(), TrustAnchors.AmdOnly);

        Assert.Equal(Steps, report.Checks.Select(check => check.Name));
        Assert.All(report.Checks, check => Assert.True(check.Outcome == CheckOutcome.Pass, check.ToString()));
        Assert.Equal(CheckOutcome.Pass, report.Verdict);
        Assert.Contains("AMD Naples", report.Checks[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_NaplesWithTheArkAsFirstPublished_SaysWhatIsMissing()
    {
        SevCertificateChain chain = ReadNaples();
        AmdCertificate bare = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/naples/ark.cert.bad"), "ark");

        VerificationReport report = SevChainVerifier.Verify(
            chain with { Authority = chain.Authority! with { Ark = bare } },
            TrustAnchors.AmdOnly);

        Assert.Equal(CheckOutcome.NotChecked, report.Find("ark.self-signature")!.Outcome);
        Assert.Equal(CheckOutcome.NotChecked, report.Verdict);
        Assert.False(report.HasFailures);
    }

    [Fact]
    public void Verify_RomesAuthority_FailsOnlyForTheChip()
    {
        AskArk rome = new(
            AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/rome/ask.cert"), "ask"),
            AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/rome/ark.cert"), "ark"));

        VerificationReport report = SevChainVerifier.Verify(ReadNaples() with { Authority = rome }, TrustAnchors.AmdOnly);

        Assert.Equal(["cek.signed-by-ask"], report.Failures.Select(check => check.Name));
    }

    [Fact]
    public void Verify_NoAuthority_IsNotAPass()
    {
        VerificationReport report = SevChainVerifier.Verify(ReadNaples() with { Authority = null }, TrustAnchors.AmdOnly);

        Assert.Equal(CheckOutcome.NotChecked, report.Verdict);
        Assert.Equal(4, report.Checks.Count(check => check.Outcome == CheckOutcome.NotChecked));
        Assert.Equal(Steps, report.Checks.Select(check => check.Name));
    }

    [Fact]
    public void Verify_ModelsRoot_IsRefusedUnlessAskedForAndNeverCalledAmd()
    {
        using TestPlatform platform = TestPlatform.Create();

        VerificationReport refused = SevChainVerifier.Verify(platform.Chain, TrustAnchors.AmdOnly);
        VerificationReport accepted = SevChainVerifier.Verify(platform.Chain, platform.Anchors);

        Assert.Equal(["ark.pinned"], refused.Failures.Select(check => check.Name));
        Assert.Equal(CheckOutcome.Pass, accepted.Verdict);
        Assert.Contains("NOT AMD's", accepted.Checks[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_LargeKeys_Passes()
    {
        using TestPlatform platform = TestPlatform.CreateLarge();

        Assert.Equal(CheckOutcome.Pass, SevChainVerifier.Verify(platform.Chain, platform.Anchors).Verdict);
    }

    [Fact]
    public void Verify_EachLinkBroken_NamesThatLink()
    {
        using TestPlatform platform = TestPlatform.Create();
        using TestPlatform other = TestPlatform.Create(other: true);
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SevCertificateChain chain = platform.Chain;
        AskArk authority = chain.Authority!;
        SevCertificate barePek = TestPlatform.Make(SevKeyUsage.Pek, platform.PekKey);
        SevCertificate strangersPek = barePek.Sign(stranger, SevKeyUsage.Oca).Sign(stranger, SevKeyUsage.Cek);
        SevCertificate strangersOca = TestPlatform.Make(SevKeyUsage.Oca, platform.OcaKey).Sign(stranger, SevKeyUsage.Oca);
        (SevCertificateChain Chain, string[] Broken)[] cases =
        [
            (chain with { Pdh = other.Chain.Pdh }, ["pdh.signed-by-pek"]),
            (chain with { Oca = other.Chain.Oca }, ["pek.signed-by-oca"]),
            (chain with { Cek = other.Chain.Cek }, ["cek.signed-by-ask", "pek.signed-by-cek"]),
            (chain with { Pek = barePek.Sign(platform.CekKey, SevKeyUsage.Cek) }, ["pek.signed-by-oca"]),
            (chain with { Pek = barePek.Sign(platform.OcaKey, SevKeyUsage.Oca) }, ["pek.signed-by-cek"]),
            (chain with { Pek = strangersPek }, ["pek.signed-by-oca", "pek.signed-by-cek"]),
            (chain with { Oca = strangersOca }, ["oca.self-signature"]),
            (chain with { Cek = chain.Cek.WithoutSignatures() }, ["cek.signed-by-ask"]),
            (chain with { Authority = authority with { Ask = other.Chain.Authority!.Ask } }, ["ask.signed-by-ark", "cek.signed-by-ask"]),
            (chain with { Authority = authority with { Ask = authority.Ark } }, ["ask.signed-by-ark", "cek.signed-by-ask"]),
            (chain with { Pdh = chain.Pek }, ["pdh.signed-by-pek"]),
        ];
        foreach ((SevCertificateChain damaged, string[] broken) in cases)
        {
            VerificationReport report = SevChainVerifier.Verify(damaged, platform.Anchors);
            Assert.Equal(broken, report.Failures.Select(check => check.Name));
            Assert.Equal(Steps, report.Checks.Select(check => check.Name));
        }
    }

    [Fact]
    public void ParseExport_SevctlsTwoForms_RoundTrip()
    {
        SevCertificateChain full = ReadNaples();
        byte[] fullFile = full.ToExport();
        byte[] plainFile = (full with { Authority = null }).ToExport();

        Assert.Equal(SevCertificateChain.ExportSize, plainFile.Length);
        Assert.Equal(fullFile, SevCertificateChain.ParseExport(fullFile, "full").ToExport());
        Assert.Null(SevCertificateChain.ParseExport(plainFile, "plain").Authority);
        Assert.Equal(Vectors.Bytes("virtee-sev/chain/naples/pdh.cert"), fullFile.AsSpan(0, SevCertificate.Size).ToArray());
        Assert.Equal(Vectors.Bytes("virtee-sev/ca/naples/ark.cert"), fullFile.AsSpan(fullFile.Length - 832).ToArray());
        Assert.Throws<SevFormatException>(() => SevCertificateChain.ParseExport(plainFile.AsSpan(0, plainFile.Length - 1), "cut"));
    }

    [Fact]
    public void ParsePlatformExport_CertificatesInAnotherOrder_IsRefused()
    {
        SevCertificateChain chain = ReadNaples();
        byte[] wrong = [.. chain.Oca.Bytes, .. chain.Pek.Bytes, .. chain.Cek.Bytes];

        SevFormatException refusal = Assert.Throws<SevFormatException>(
            () => SevCertificateChain.ParsePlatformExport(chain.Pdh.Bytes, wrong, "pdh", "chain"));

        Assert.Equal("pub_key_usage", refusal.Field);
        Assert.Contains("a OCA stands where the PEK belongs", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FileRawOrBase64AndFolder_GiveTheSameChain()
    {
        SevCertificateChain chain = ReadNaples();
        byte[] file = chain.ToExport();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kvmsev-chain-");
        try
        {
            string raw = Path.Combine(folder.FullName, "chain.bin");
            string text = Path.Combine(folder.FullName, "chain.b64");
            File.WriteAllBytes(raw, file);
            File.WriteAllText(text, Convert.ToBase64String(file, Base64FormattingOptions.InsertLineBreaks) + "\n");
            string export = Path.Combine(folder.FullName, "export");
            Directory.CreateDirectory(export);
            File.WriteAllBytes(Path.Combine(export, "pdh.cert"), chain.Pdh.Bytes);
            File.WriteAllBytes(Path.Combine(export, "pek.cert"), chain.Pek.Bytes);
            File.WriteAllBytes(Path.Combine(export, "oca.cert"), chain.Oca.Bytes);
            File.WriteAllBytes(Path.Combine(export, "cek.cert"), chain.Cek.Bytes);
            File.WriteAllBytes(Path.Combine(export, "ask.cert"), chain.Authority!.Ask.Bytes);
            File.WriteAllBytes(Path.Combine(export, "ark.cert"), chain.Authority!.Ark.Bytes);

            Assert.Equal(file, SevCertificateChain.Read(raw, out BlobEncoding encoding).ToExport());
            Assert.Equal(BlobEncoding.Raw, encoding);
            Assert.Equal(file, SevCertificateChain.Read(text, out encoding).ToExport());
            Assert.Equal(BlobEncoding.Base64, encoding);
            Assert.Equal(file, SevCertificateChain.Read(export, out _).ToExport());
            File.Delete(Path.Combine(export, "ask.cert"));
            File.WriteAllBytes(Path.Combine(export, "ask_ark.cert"), chain.Authority!.ToBytes());
            Assert.Equal(file, SevCertificateChain.Read(export, out _).ToExport());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void ParseExport_TruncatedOrMutated_OnlyRefusesOrFails()
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] full = platform.Chain.ToExport();
        byte[] plain = (platform.Chain with { Authority = null }).ToExport();
        Fuzz.Truncate(full, bytes => SevCertificateChain.ParseExport(bytes, "fuzz"));
        int count = 0;
        Fuzz.Mutate([full, plain], bytes =>
        {
            SevCertificateChain chain = SevCertificateChain.ParseExport(bytes, "fuzz");
            if (count++ % 100 == 0)
            {
                Assert.NotNull(SevChainVerifier.Verify(chain, platform.Anchors));
            }
        });
    }

    [Fact]
    public void Verify_RandomBitOfTheSignedPartsFlipped_NeverPasses()
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] full = platform.Chain.ToExport();
        Random random = new(20260701);
        for (int round = 0; round < 150; round++)
        {
            byte[] damaged = [.. full];
            int certificate = random.Next(4) * SevCertificate.Size;
            int offset = certificate + random.Next(SevCertificate.BodySize);
            damaged[offset] ^= (byte)(1 << random.Next(8));
            CheckOutcome verdict;
            try
            {
                verdict = SevChainVerifier.Verify(SevCertificateChain.ParseExport(damaged, "flip"), platform.Anchors).Verdict;
            }
            catch (SevFormatException)
            {
                continue;
            }

            Assert.True(verdict == CheckOutcome.Fail, $"offset {offset}");
        }
    }

    private static SevCertificateChain ReadNaples()
    {
        AskArk authority = new(
            AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/naples/ask.cert"), "ask"),
            AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/naples/ark.cert"), "ark"));
        byte[] chain =
        [
            .. Vectors.Bytes("virtee-sev/chain/naples/pek.cert"),
            .. Vectors.Bytes("virtee-sev/chain/naples/oca.cert"),
            .. Vectors.Bytes("virtee-sev/chain/naples/cek.cert"),
        ];
        byte[] pdh = Vectors.Bytes("virtee-sev/chain/naples/pdh.cert");
        return SevCertificateChain.ParsePlatformExport(pdh, chain, "pdh", "chain") with { Authority = authority };
    }
}
