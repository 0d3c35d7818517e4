using System.Text.Json;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Certificates;

public sealed class AmdX509Tests
{
    // All chains of the vectors are valid then; the VLEK is the shortest-lived.
    private static readonly DateTimeOffset At = new(2025, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset AtAzure2026 = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    public static TheoryData<string, SevGeneration> Roots => new()
    {
        { "virtee-sev/snp-ca/milan/ark.pem", SevGeneration.Milan },
        { "virtee-sev/snp-ca/genoa/ark.pem", SevGeneration.Genoa },
        { "virtee-sev/snp-ca/turin/ark.pem", SevGeneration.Turin },
        { "microsoft-tee-verification/genoa/ark.pem", SevGeneration.Genoa },
        { "microsoft-tee-verification/turin/ark.pem", SevGeneration.Turin },
    };

    public static TheoryData<string, SevGeneration, AmdX509Role> Bundles => new()
    {
        { "google-go-sev-guest/trust/ask_ark_milan.pem", SevGeneration.Milan, AmdX509Role.Ask },
        { "google-go-sev-guest/trust/ask_ark_milan_vlek.pem", SevGeneration.Milan, AmdX509Role.Asvk },
        { "google-go-sev-guest/trust/ask_ark_genoa.pem", SevGeneration.Genoa, AmdX509Role.Ask },
        { "google-go-sev-guest/trust/ask_ark_genoa_vlek.pem", SevGeneration.Genoa, AmdX509Role.Asvk },
        { "google-go-sev-guest/trust/ask_ark_turin_vcek.pem", SevGeneration.Turin, AmdX509Role.Ask },
        { "google-go-sev-guest/trust/ask_ark_turin_vlek.pem", SevGeneration.Turin, AmdX509Role.Asvk },
    };

    [Theory]
    [MemberData(nameof(Roots))]
    public void Parse_AmdsRoots_ArePinnedAndSignThemselves(string file, SevGeneration generation)
    {
        AmdX509Certificate ark = Read(file)[0];

        Assert.Equal(AmdX509Role.Ark, ark.Role);
        Assert.Equal($"ARK-{generation}", ark.SubjectName);
        Assert.True(ark.IsAuthority);
        Assert.True(ark.IsSignedBy(ark, out string reason), reason);
        Assert.Equal(generation, KnownRoots.Find(ark.GetKeyFingerprint())?.Generation);
    }

    [Fact]
    public void GetKeyFingerprint_X509AndBinaryCertificate_AreTheSameKey()
    {
        foreach (string folder in (string[])["milan", "genoa"])
        {
            AmdCertificate binary = AmdCertificate.Parse(Vectors.Bytes($"virtee-sev/ca/{folder}/ark.cert"), folder);
            AmdX509Certificate text = Read($"virtee-sev/snp-ca/{folder}/ark.pem")[0];

            Assert.Equal(binary.GetKeyFingerprint(), text.GetKeyFingerprint());
        }
    }

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Verify_KdsCertChains_Pass(string file, SevGeneration generation, AmdX509Role signer)
    {
        AmdX509Chain chain = AmdX509Chain.Assemble(Read(file), file);

        VerificationReport report = chain.Verify(TrustAnchors.AmdOnly, At, null);

        Assert.Equal(signer, chain.Signer.Role);
        AssertPasses(report);
        Assert.Contains($"AMD {generation}", report.Find("ark.pinned")!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void IsSignedBy_TrusteeBundles_RootSignsBothKindsAndNobodyElseDoes()
    {
        foreach (string generation in (string[])["milan", "genoa", "turin"])
        {
            IReadOnlyList<AmdX509Certificate> bundle = Read($"coco-trustee/{generation}_ask_ark_asvk.pem");
            Assert.Equal([AmdX509Role.Ask, AmdX509Role.Ark, AmdX509Role.Asvk], bundle.Select(certificate => certificate.Role));
            (AmdX509Certificate ask, AmdX509Certificate ark, AmdX509Certificate asvk) = (bundle[0], bundle[1], bundle[2]);

            Assert.True(ark.IsSignedBy(ark, out _));
            Assert.True(ask.IsSignedBy(ark, out _));
            Assert.True(asvk.IsSignedBy(ark, out _));
            Assert.False(ark.IsSignedBy(ask, out _));
            Assert.False(asvk.IsSignedBy(ask, out _));
        }
    }

    [Theory]
    [InlineData("virtee-sev/snp/vcek_milan.der", "coco-trustee/milan_ask_ark_asvk.pem", "vcek", "Milan-B0")]
    [InlineData("coco-trustee/snp/test-vcek.der", "coco-trustee/milan_ask_ark_asvk.pem", "vcek", "Milan-B0")]
    [InlineData("coco-trustee/snp/test-vlek.der", "coco-trustee/milan_ask_ark_asvk.pem", "vlek", "Milan")]
    [InlineData("project-oak/milan_rk_release/vcek.der", "coco-trustee/milan_ask_ark_asvk.pem", "vcek", "Milan-B0")]
    public void Verify_EndorsementKeys_Pass(string file, string authorities, string kind, string product)
    {
        AmdX509Chain chain = AmdX509Chain.Assemble([.. Read(file), .. Read(authorities)], file);

        VerificationReport report = chain.Verify(TrustAnchors.AmdOnly, At, null);

        AssertPasses(report);
        Assert.Equal(CheckOutcome.Pass, report.Find($"{kind}.kind")!.Outcome);
        Assert.Equal(product, EndorsementExtensions.Read(chain.Endorsement!).ProductName);
    }

    [Theory]
    [InlineData("genoa")]
    [InlineData("turin")]
    public void Verify_MicrosoftsFiles_Pass(string folder)
    {
        string path = $"microsoft-tee-verification/{folder}";
        AmdX509Chain chain = new(Read($"{path}/ark.pem")[0], Read($"{path}/ask.pem")[0], Read($"{path}/vcek.pem")[0]);

        AssertPasses(chain.Verify(TrustAnchors.AmdOnly, AtAzure2026, null));
    }

    [Fact]
    public void Verify_AzuresBundle_IsSortedByRole()
    {
        AmdX509Chain chain = AmdX509Chain.Assemble(Read("coco-trustee/az/vcek.pem"), "az");

        Assert.Equal(AmdX509Role.Vcek, chain.Endorsement!.Role);
        AssertPasses(chain.Verify(TrustAnchors.AmdOnly, At, null));
    }

    [Fact]
    public void Verify_AnotherGenerationsAuthorities_Fail()
    {
        string path = "microsoft-tee-verification";
        AmdX509Chain chain = new(
            Read($"{path}/turin/ark.pem")[0],
            Read($"{path}/turin/ask.pem")[0],
            Read($"{path}/genoa/vcek.pem")[0]);

        VerificationReport report = chain.Verify(TrustAnchors.AmdOnly, AtAzure2026, null);

        Assert.Equal(["vcek.signed-by-ask", "vcek.product"], report.Failures.Select(check => check.Name));
        Assert.Throws<SevFormatException>(
            () => AmdX509Chain.Assemble([chain.Endorsement!, chain.Signer, chain.Ark], "mixed"));
    }

    [Fact]
    public void Verify_VlekUnderTheAskAndVcekUnderTheAsvk_Fail()
    {
        IReadOnlyList<AmdX509Certificate> bundle = Read("coco-trustee/milan_ask_ark_asvk.pem");
        AmdX509Certificate vcek = Read("coco-trustee/snp/test-vcek.der")[0];
        AmdX509Certificate vlek = Read("coco-trustee/snp/test-vlek.der")[0];

        VerificationReport first = new AmdX509Chain(bundle[1], bundle[2], vcek).Verify(TrustAnchors.AmdOnly, At, null);
        VerificationReport second = new AmdX509Chain(bundle[1], bundle[0], vlek).Verify(TrustAnchors.AmdOnly, At, null);

        Assert.Equal(["vcek.signed-by-asvk", "vcek.kind"], first.Failures.Select(check => check.Name));
        Assert.Equal(["vlek.signed-by-ask", "vlek.kind"], second.Failures.Select(check => check.Name));
    }

    [Theory]
    [InlineData("coco-trustee/snp/test-vcek.der", 42)]
    [InlineData("virtee-sev/snp/vcek_milan.der", 40)]
    public void Verify_OneByteChanged_IsRefused(string file, int offset)
    {
        IReadOnlyList<AmdX509Certificate> bundle = Read("coco-trustee/milan_ask_ark_asvk.pem");
        byte[] der = Vectors.Bytes(file);
        der[offset] ^= 0xFF;

        Assert.True(IsRefused(der, bundle));
    }

    [Fact]
    public void IsSignedBy_EveryBitOfAVcekFlipped_IsRefused()
    {
        AmdX509Certificate ask = Read("coco-trustee/milan_ask_ark_asvk.pem")[0];
        byte[] valid = Vectors.Bytes("coco-trustee/snp/test-vcek.der");
        Assert.True(IsSigned(valid));

        foreach ((int bit, byte[] damaged) in BitFlips.Of(valid))
        {
            Assert.False(IsSigned(damaged), $"bit {bit}");
        }

        bool IsSigned(byte[] der)
        {
            try
            {
                return AmdX509Certificate.Parse(der, "test").IsSignedBy(ask, out _);
            }
            catch (SevFormatException)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData("coco-trustee/snp/test-vcek-invalid-legacy.der")]
    [InlineData("coco-trustee/snp/test-vcek-invalid-new.der")]
    public void Read_LookAlikes_ExtensionsParseAndTheChainFails(string file)
    {
        AmdX509Chain chain = AmdX509Chain.Assemble([.. Read(file), .. Read("coco-trustee/milan_ask_ark_asvk.pem")], file);

        EndorsementExtensions extensions = EndorsementExtensions.Read(chain.Endorsement!);

        Assert.Equal(Enumerable.Range(0, 64).Select(value => (byte)value), extensions.HardwareId!.Value.ToArray());
        Assert.Equal(
            ["vcek.signed-by-ask"],
            chain.Verify(TrustAnchors.AmdOnly, At, null).Failures.Select(check => check.Name));
    }

    [Fact]
    public void Read_Vlek_HasAProviderAndNoChip()
    {
        EndorsementExtensions extensions = EndorsementExtensions.Read(Read("coco-trustee/snp/test-vlek.der")[0]);

        Assert.Equal("CN=cc-us-east-2.amazonaws.com", extensions.ProviderId);
        Assert.Null(extensions.HardwareId);
        Assert.Null(extensions.Fmc);
    }

    [Fact]
    public void Read_TurinsVcek_HasAnFmcVersionAndAShortChipId()
    {
        EndorsementExtensions extensions = EndorsementExtensions.Read(Read("microsoft-tee-verification/turin/vcek.pem")[0]);

        Assert.Equal(1, extensions.StructVersion);
        Assert.Equal("Turin", extensions.ProductName);
        Assert.Equal(
            ((byte?)1, (byte)1, (byte)1, (byte)4, (byte)0x51),
            (extensions.Fmc, extensions.BootLoader, extensions.Tee, extensions.Snp, extensions.Microcode));
        Assert.Equal("59790fb1c39f35c1", Convert.ToHexStringLower(extensions.HardwareId!.Value.Span));
        Assert.Null(extensions.ProviderId);
    }

    [Theory]
    [InlineData("virtee-sev/snp/vcek_milan.der", "virtee-sev/snp/report_milan.hex")]
    [InlineData("coco-trustee/snp/test-vcek.der", "coco-trustee/snp/test-report.bin")]
    [InlineData("coco-trustee/snp/test-vlek.der", "coco-trustee/snp/test-vlek-report.bin")]
    [InlineData("coco-trustee/az/vcek.pem", "coco-trustee/az/hcl-report.bin")]
    [InlineData("microsoft-tee-verification/genoa/vcek.pem", "microsoft-tee-verification/genoa/report.bin")]
    [InlineData("microsoft-tee-verification/turin/vcek.pem", "microsoft-tee-verification/turin/report.bin")]
    [InlineData("project-oak/milan_rk_release/vcek.der", "project-oak/milan_rk_release/report.bin")]
    public void Read_EndorsementKeysOfTheReports_AgreeWithAnotherProgramsReading(string file, string report)
    {
        JsonElement expected = Vectors.Json("snp-reports-expected.json").GetProperty("reports").EnumerateArray()
            .Single(entry => entry.GetProperty("report").GetString()!.Split(' ')[0] == report)
            .GetProperty("endorsement");
        JsonElement arcs = expected.GetProperty("extensions");
        AmdX509Certificate certificate = Read(file).Single(one => one.Role is AmdX509Role.Vcek or AmdX509Role.Vlek);

        EndorsementExtensions extensions = EndorsementExtensions.Read(certificate);

        Assert.Equal(expected.GetProperty("kind").GetString(), certificate.Role == AmdX509Role.Vcek ? "VCEK" : "VLEK");
        Assert.Equal(arcs.GetProperty("1").GetInt32(), extensions.StructVersion);
        Assert.Equal(arcs.GetProperty("2").GetString(), extensions.ProductName);
        Assert.Equal(arcs.GetProperty("3.1").GetInt32(), extensions.BootLoader);
        Assert.Equal(arcs.GetProperty("3.2").GetInt32(), extensions.Tee);
        Assert.Equal(arcs.GetProperty("3.3").GetInt32(), extensions.Snp);
        Assert.Equal(arcs.GetProperty("3.8").GetInt32(), extensions.Microcode);
        Assert.Equal(arcs.TryGetProperty("3.9", out JsonElement fmc) ? fmc.GetInt32() : null, (int?)extensions.Fmc);
        Assert.Equal(
            arcs.TryGetProperty("4", out JsonElement chip) ? chip.GetString() : null,
            extensions.HardwareId is { } id ? Convert.ToHexStringLower(id.Span) : null);
        Assert.Equal(arcs.TryGetProperty("5", out JsonElement provider) ? provider.GetString() : null, extensions.ProviderId);
        Assert.Equal(expected.GetProperty("not_after").GetString(), $"{certificate.NotAfter.UtcDateTime:s}");
    }

    [Fact]
    public void Verify_LittleEndianSignatureOfARealReport_Holds()
    {
        byte[] report = Convert.FromHexString(Vectors.Text("virtee-sev/snp/report_milan.hex").Trim());
        AmdX509Certificate vcek = Read("virtee-sev/snp/vcek_milan.der")[0];
        byte[] changed = [.. report];
        changed[21] ^= 0x80;

        Assert.True(Verify(report));
        Assert.False(Verify(changed));

        bool Verify(byte[] bytes) => AmdEcdsaSignature.Verify(
            vcek.EcKey!.Value,
            bytes.AsSpan(0, 0x2A0),
            System.Security.Cryptography.HashAlgorithmName.SHA384,
            bytes.AsSpan(0x2A0, AmdEcdsaSignature.FieldSize));
    }

    [Fact]
    public void Verify_OutsideTheValidity_Fails()
    {
        AmdX509Chain chain = AmdX509Chain.Assemble(Read("coco-trustee/az/vcek.pem"), "az");

        VerificationReport early = chain.Verify(TrustAnchors.AmdOnly, chain.Endorsement!.NotBefore.AddSeconds(-1), null);
        VerificationReport late = chain.Verify(TrustAnchors.AmdOnly, chain.Endorsement.NotAfter.AddSeconds(1), null);

        Assert.Equal(["vcek.validity"], early.Failures.Select(check => check.Name));
        Assert.Equal(["vcek.validity"], late.Failures.Select(check => check.Name));
        AssertPasses(chain.Verify(TrustAnchors.AmdOnly, chain.Endorsement.NotBefore, null));
        AssertPasses(chain.Verify(TrustAnchors.AmdOnly, chain.Endorsement.NotAfter, null));
    }

    [Fact]
    public void Parse_PemRoundTrip_AndDer()
    {
        byte[] der = Vectors.Bytes("virtee-sev/snp/vcek_milan.der");
        AmdX509Certificate certificate = X509File.Parse(der, "der")[0];
        string pem = $"a word before\n{certificate.ToPem()}\n# and after\n{certificate.ToPem()}";

        IReadOnlyList<AmdX509Certificate> read = X509File.Parse(System.Text.Encoding.ASCII.GetBytes(pem), "pem");

        Assert.Equal(2, read.Count);
        Assert.All(read, one => Assert.Equal(der, one.Bytes.ToArray()));
        Assert.Equal("SEV-VCEK", certificate.SubjectName);
        Assert.Equal("SEV-Milan", certificate.IssuerName);
        Assert.Equal("00", certificate.SerialNumber);
        Assert.Equal(new DateTimeOffset(2023, 4, 3, 19, 23, 43, TimeSpan.Zero), certificate.NotBefore);
        Assert.Equal(new DateTimeOffset(2030, 4, 3, 19, 23, 43, TimeSpan.Zero), certificate.NotAfter);
        Assert.False(certificate.IsAuthority);
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] vcek = Vectors.Bytes("coco-trustee/snp/test-vcek.der");
        byte[] vlek = Vectors.Bytes("coco-trustee/snp/test-vlek.der");
        byte[] ark = Read("virtee-sev/snp-ca/turin/ark.pem")[0].Bytes.ToArray();
        byte[] pem = Vectors.Bytes("virtee-sev/snp-ca/turin/ask.pem");
        AmdX509Certificate ask = Read("virtee-sev/snp-ca/milan/ask.pem")[0];
        Fuzz.Truncate(vcek, bytes => Assert.Throws<SevFormatException>(() => AmdX509Certificate.Parse(bytes, "fuzz")));
        Fuzz.Truncate(pem, bytes => X509File.Parse(bytes, "fuzz"));
        Fuzz.Mutate([vcek, vlek, ark, pem], bytes =>
        {
            foreach (AmdX509Certificate certificate in X509File.Parse(bytes, "fuzz"))
            {
                Assert.NotNull(certificate.SubjectName);
                certificate.IsSignedBy(ask, out _);
                certificate.IsSignedBy(certificate, out _);
                EndorsementExtensions.Read(certificate);
            }
        });
    }

    private static IReadOnlyList<AmdX509Certificate> Read(string file) => X509File.Read(Vectors.Path(file));

    private static void AssertPasses(VerificationReport report)
    {
        Assert.False(report.HasFailures, report.ToString());
        Assert.Equal(["crl"], report.Checks.Where(check => check.Outcome == CheckOutcome.NotChecked).Select(check => check.Name));
    }

    private static bool IsRefused(byte[] vcek, IReadOnlyList<AmdX509Certificate> bundle)
    {
        try
        {
            return new AmdX509Chain(bundle[1], bundle[0], AmdX509Certificate.Parse(vcek, "test"))
                .Verify(TrustAnchors.AmdOnly, At, null)
                .HasFailures;
        }
        catch (SevFormatException)
        {
            return true;
        }
    }
}
