using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

/// <summary>Real reports, signed by AMD's chips, with what their origins say of them.</summary>
public sealed class SnpReportVectorTests
{
    private const string Lit = "lit-sev-snp-utils/guest_report.bin";
    private const string LitResponse = "lit-sev-snp-utils/snp_report_msg_resp.bin";

    public static TheoryData<string> Names => SnpVectors.Names;

    [Fact]
    public void ExpectedFields_EveryReport_ReadsTheSame()
    {
        int count = 0;
        foreach (JsonElement entry in Vectors.Json("snp-reports-expected.json").GetProperty("reports").EnumerateArray())
        {
            string path = entry.GetProperty("report").GetString()!.Split(' ')[0];
            SnpReport report = SnpReportFile.Read(Vectors.Path(path)).Report;
            AssertFields(entry.GetProperty("fields"), report, path);
            Assert.Equal(
                entry.GetProperty("sha384_of_0x000_0x29f").GetString(),
                Hex(SHA384.HashData(report.Bytes[..SnpReport.SignedSize])));
            count++;
        }

        Assert.Equal(SnpVectors.All.Count + 2, count);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ExpectedEndorsement_EveryCertificate_ReadsTheSame(string name)
    {
        SnpVector vector = SnpVectors.Get(name);
        JsonElement entry = Vectors.Json("snp-reports-expected.json").GetProperty("reports").EnumerateArray()
            .Single(candidate => candidate.GetProperty("report").GetString() == name);
        AmdX509Certificate certificate = vector.ReadChain().Endorsement!;
        EndorsementExtensions extensions = EndorsementExtensions.Read(certificate);
        JsonElement expected = entry.GetProperty("endorsement");
        JsonElement values = expected.GetProperty("extensions");

        Assert.Equal(expected.GetProperty("kind").GetString(), certificate.Role.ToString().ToUpperInvariant());
        Assert.Equal(values.GetProperty("2").GetString(), extensions.ProductName);
        Assert.Equal(
            (
                values.GetProperty("3.1").GetByte(),
                values.GetProperty("3.2").GetByte(),
                values.GetProperty("3.3").GetByte(),
                values.GetProperty("3.8").GetByte()),
            (extensions.BootLoader, extensions.Tee, extensions.Snp, extensions.Microcode));
        Assert.Equal(values.TryGetProperty("3.9", out JsonElement fmc) ? fmc.GetByte() : null, extensions.Fmc);
        Assert.Equal(
            values.TryGetProperty("4", out JsonElement id) ? id.GetString() : null,
            extensions.HardwareId is { } found ? Hex(found.Span) : null);
        Assert.Equal(
            expected.GetProperty("not_before").GetString(),
            certificate.NotBefore.UtcDateTime.ToString("s", CultureInfo.InvariantCulture));
        Assert.Equal(
            expected.GetProperty("not_after").GetString(),
            certificate.NotAfter.UtcDateTime.ToString("s", CultureInfo.InvariantCulture));
        Assert.Equal(vector.Generation, SnpProducts.FromName(extensions.ProductName));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Verify_RealReport_NothingFailsAndWhatIsUnknownIsNamed(string name)
    {
        SnpVector vector = SnpVectors.Get(name);
        SnpReport report = vector.ReadReport();

        VerificationReport result = SnpReportVerifier.Verify(report, vector.Expect());

        Assert.False(result.HasFailures, result.ToString());
        Assert.Equal(CheckOutcome.NotChecked, result.Verdict);
        string[] proven = ["ark.pinned", "ark.self-signature", "endorsement.kind", "endorsement.tcb", "endorsement.chip-id",
            "report.signature", "report.product", "report.version", "policy.mandatory-bit", "policy.debug", "policy.migration-agent",
            "policy.met"];
        Assert.All(proven, check => Assert.Equal(CheckOutcome.Pass, result.Find(check)?.Outcome));
        string[] open = ["crl", "report.measurement", "report.report-data", "report.host-data", "report.vmpl", "report.id-key-digest",
            "report.author-key-digest", "report.minimum-tcb.reported", "report.minimum-tcb.committed", "report.firmware.current",
            "policy.smt", "policy.abi", "policy.value"];
        Assert.All(open, check => Assert.Equal(CheckOutcome.NotChecked, result.Find(check)?.Outcome));
        Assert.Contains($"AMD {vector.Generation}", result.Find("ark.pinned")!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Verify_RealReportFullyExpected_OnlyTheRevocationListIsOpen(string name)
    {
        SnpVector vector = SnpVectors.Get(name);
        SnpReport report = vector.ReadReport();
        string? provider = report.SigningKey == SnpSigningKey.Vlek ? "cc-us-east-2.amazonaws.com" : null;

        VerificationReport result = SnpReportVerifier.Verify(report, ExpectAll(report, vector) with { Provider = provider });

        Assert.Equal(["crl"], result.Checks.Where(check => check.Outcome != CheckOutcome.Pass).Select(check => check.Name));
    }

    // Trustee: byte 42 changed gives a bad signature; byte 384, in REPORTED_TCB, another TCB than the certificate's.
    [Theory]
    [InlineData("coco-trustee/snp/test-report.bin")]
    [InlineData("coco-trustee/snp/test-vlek-report.bin")]
    public void Verify_TrusteesChangedBytes_FailAsTrusteeSays(string name)
    {
        SnpVector vector = SnpVectors.Get(name);
        byte[] bytes = vector.ReadReport().Bytes.ToArray();
        bytes[42]++;
        Assert.Equal(["report.signature"], FailuresOf(bytes, vector.Expect()));
        bytes[42]--;
        bytes[384]++;
        Assert.Equal(["endorsement.tcb", "report.signature"], FailuresOf(bytes, vector.Expect()));
    }

    // virtee/sev: report[21] ^= 0x80 must fail, vcek[40] ^= 0xff too.
    [Fact]
    public void Verify_VirteesChangedBytes_Fail()
    {
        SnpVector vector = SnpVectors.All[0];
        byte[] bytes = vector.ReadReport().Bytes.ToArray();
        bytes[21] ^= 0x80;
        Assert.Equal(["report.signature"], FailuresOf(bytes, vector.Expect()));

        byte[] der = Vectors.Bytes(vector.EndorsementPath);
        der[40] ^= 0xFF;
        Assert.Throws<SevFormatException>(() => AmdX509Certificate.Parse(der, "vcek"));
    }

    [Fact]
    public void Verify_CertificateByte42Changed_IsRefused()
    {
        foreach (string path in (string[])["coco-trustee/snp/test-vcek.der", "coco-trustee/snp/test-vlek.der"])
        {
            byte[] der = Vectors.Bytes(path);
            der[42]++;
            Assert.ThrowsAny<Exception>(() =>
            {
                AmdX509Certificate changed = AmdX509Certificate.Parse(der, path);
                IReadOnlyList<AmdX509Certificate> authorities = X509File.Read(Vectors.Path("coco-trustee/milan_ask_ark_asvk.pem"));
                Assert.True(authorities.Any(authority => changed.IsSignedBy(authority, out _)), "no authority signed it");
            });
        }
    }

    // Signed by nobody whom AMD knows, whatever the extensions say; one has the chip's id wrapped in an OCTET STRING.
    [Theory]
    [InlineData("coco-trustee/snp/test-vcek-invalid-legacy.der")]
    [InlineData("coco-trustee/snp/test-vcek-invalid-new.der")]
    public void Verify_ForgedVcek_FailsInItsChain(string path)
    {
        SnpVector vector = SnpVectors.Get("coco-trustee/snp/test-report.bin");
        AmdX509Chain chain = vector.ReadChain() with { Endorsement = X509File.Read(Vectors.Path(path)).Single() };

        VerificationReport result = SnpReportVerifier.Verify(vector.ReadReport(), vector.Expect() with { Chain = chain });

        Assert.Equal(CheckOutcome.Fail, result.Find("vcek.signed-by-ask")!.Outcome);
        Assert.Equal(CheckOutcome.Fail, result.Find("report.signature")!.Outcome);
        byte[] id = [.. Enumerable.Range(0, 64).Select(value => (byte)value)];
        Assert.Equal(id, EndorsementExtensions.Read(chain.Endorsement).HardwareId!.Value.ToArray());
    }

    [Fact]
    public void Verify_VcekUnderAsvkOrVlekUnderAsk_Fails()
    {
        IReadOnlyList<AmdX509Certificate> authorities = X509File.Read(Vectors.Path("coco-trustee/milan_ask_ark_asvk.pem"));
        (AmdX509Certificate ask, AmdX509Certificate ark, AmdX509Certificate asvk) = (authorities[0], authorities[1], authorities[2]);
        foreach (string name in (string[])["coco-trustee/snp/test-report.bin", "coco-trustee/snp/test-vlek-report.bin"])
        {
            SnpVector vector = SnpVectors.Get(name);
            AmdX509Chain right = vector.ReadChain();
            AmdX509Chain wrong = new(
                ark,
                ReferenceEquals(right.Signer, ask) || right.Signer.Role == AmdX509Role.Ask ? asvk : ask,
                right.Endorsement);

            VerificationReport result = SnpReportVerifier.Verify(vector.ReadReport(), vector.Expect() with { Chain = wrong });

            string[] names = [.. result.Failures.Select(check => check.Name)];
            Assert.Contains(names, check => check.Contains(".signed-by-", StringComparison.Ordinal));
            Assert.Contains(names, check => check.EndsWith(".kind", StringComparison.Ordinal));
        }
    }

    // Microsoft: verification fails with another generation's certificates.
    [Fact]
    public void Verify_AnotherGenerationsCertificates_Fail()
    {
        SnpVector genoa = SnpVectors.Get("microsoft-tee-verification/genoa/report.bin");
        SnpVector turin = SnpVectors.Get("microsoft-tee-verification/turin/report.bin");
        SnpVector milan = SnpVectors.Get("project-oak/milan_rk_release/report.bin");

        AssertForeign(genoa.ReadReport(), turin.Expect());
        AssertForeign(turin.ReadReport(), genoa.Expect());
        AssertForeign(milan.ReadReport(), genoa.Expect());
        AmdX509Chain mixed = genoa.ReadChain() with { Ark = turin.ReadChain().Ark, Signer = turin.ReadChain().Signer };
        Assert.Contains("vcek.signed-by-ask", FailuresOf(genoa.ReadReport().Bytes, genoa.Expect() with { Chain = mixed }));

        static void AssertForeign(SnpReport report, SnpReportExpectations expected)
        {
            string[] failures = FailuresOf(report.Bytes, expected);
            Assert.Contains("report.signature", failures);
            Assert.Contains("report.product", failures);
            Assert.Contains("endorsement.chip-id", failures);
            Assert.Contains("endorsement.tcb", failures);
        }
    }

    [Fact]
    public void Verify_OutsideTheCertificatesTime_Fails()
    {
        SnpVector vector = SnpVectors.Get("coco-trustee/snp/test-vlek-report.bin");

        string[] late = FailuresOf(
            vector.ReadReport().Bytes,
            vector.Expect() with { At = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) });
        string[] early = FailuresOf(
            vector.ReadReport().Bytes,
            vector.Expect() with { At = new DateTimeOffset(2019, 1, 1, 0, 0, 0, TimeSpan.Zero) });

        Assert.Equal(["vlek.validity"], late);
        Assert.Contains("vlek.validity", early);
        Assert.Contains("ark.validity", early);
    }

    // Each flip is refused by the parser or by the signature alone, so by the whole verification too.
    [Fact]
    public void Verify_AnyBitFlipped_IsRefused()
    {
        SnpVector vector = SnpVectors.Get("microsoft-tee-verification/turin/report.bin");
        SnpReportExpectations expected = vector.Expect();
        ECParameters key = expected.Chain!.Endorsement!.EcKey!.Value;
        byte[] valid = vector.ReadReport().Bytes.ToArray();
        Assert.True(SnpReport.Parse(valid, "valid").IsSignedBy(key));
        Parallel.ForEach(BitFlips.Of(valid), flip =>
        {
            try
            {
                SnpReport damaged = SnpReport.Parse(flip.Damaged, "damaged");
                Assert.False(damaged.IsSignedBy(key), $"bit {flip.Bit}");
                if (flip.Bit % 251 == 0)
                {
                    Assert.True(SnpReportVerifier.Verify(damaged, expected).HasFailures, $"bit {flip.Bit}");
                }
            }
            catch (SevFormatException refusal)
            {
                Assert.False(string.IsNullOrEmpty(refusal.Field));
            }
        });
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        SnpVector[] vectors = [SnpVectors.All[0], SnpVectors.All[2], SnpVectors.All[5]];
        byte[][] seeds = [.. vectors.Select(vector => vector.ReadReport().Bytes.ToArray())];
        SnpReportExpectations[] expected = [.. vectors.Select(vector => vector.Expect())];
        foreach (byte[] seed in seeds)
        {
            Fuzz.Truncate(seed, bytes => SnpReport.Parse(bytes, "fuzz"));
        }

        int parsed = 0;
        Fuzz.Mutate(seeds, bytes =>
        {
            SnpReport report = SnpReport.Parse(bytes, "fuzz");

            // The whole verification for a sample of those that parse.
            if (parsed++ % 1500 == 0 && !seeds.Any(seed => seed.AsSpan().SequenceEqual(bytes)))
            {
                Assert.All(expected, wanted => Assert.True(SnpReportVerifier.Verify(report, wanted).HasFailures));
            }
        });
        Assert.True(parsed > Fuzz.MutationCount / 10, $"only {parsed} mutations parsed");
    }

    [Fact]
    public void Parse_LitsReport_HasTheOriginsFields()
    {
        JsonElement expected = Vectors.Json("lit-sev-snp-utils/report_fields.json").GetProperty("expect");
        SnpReport report = SnpReport.Parse(Vectors.Bytes(Lit), Lit);

        Assert.Equal(SnpReport.SignedSize, expected.GetProperty("signed_body_length").GetInt32());
        Assert.Equal(expected.GetProperty("sha384_of_signed_body").GetString(), Hex(SHA384.HashData(report.Bytes[..SnpReport.SignedSize])));
        Assert.Equal(
            (
                expected.GetProperty("version").GetUInt32(),
                expected.GetProperty("guest_svn").GetUInt32(),
                expected.GetProperty("vmpl").GetUInt32()),
            (report.Version, report.GuestSvn, report.Vmpl));
        Assert.Equal(expected.GetProperty("policy").GetString(), report.Policy.ToString());
        Assert.Equal(expected.GetProperty("signature_algo").GetUInt32(), report.SignatureAlgorithm);
        Assert.Equal(expected.GetProperty("platform_info").GetString(), $"0x{report.PlatformInfo.Value:x}");
        Assert.Equal(expected.GetProperty("author_key_en").GetBoolean(), report.HasAuthorKey);
        Assert.Equal(expected.GetProperty("report_data").GetString(), Hex(report.ReportData));
        Assert.Equal(expected.GetProperty("measurement").GetString(), Hex(report.Measurement));
        Assert.Equal(expected.GetProperty("report_id").GetString(), Hex(report.ReportId));
        Assert.Equal(expected.GetProperty("report_id_ma").GetString(), Hex(report.ReportIdMigrationAgent));
        Assert.Equal(expected.GetProperty("chip_id").GetString(), Hex(report.ChipId));
        AssertTcb(expected.GetProperty("platform_tcb"), report.CurrentTcb);
        AssertTcb(expected.GetProperty("reported_tcb"), report.ReportedTcb);
        AssertTcb(expected.GetProperty("committed_tcb"), report.CommittedTcb);
        AssertTcb(expected.GetProperty("launch_tcb"), report.LaunchTcb);
        Assert.Equal(expected.GetProperty("current_version").GetString(), report.CurrentVersion.ToString());
        Assert.Equal(expected.GetProperty("committed_version").GetString(), report.CommittedVersion.ToString());
        Assert.Equal(expected.GetProperty("sig_r_le72").GetString(), Hex(report.Signature[..72]));
        Assert.Equal(expected.GetProperty("sig_s_le72").GetString(), Hex(report.Signature[72..144]));
    }

    [Fact]
    public void Parse_LitsResponse_HoldsTheReportAt0x20()
    {
        byte[] bytes = Vectors.Bytes(LitResponse);

        SnpReportResponse response = SnpReportResponse.Parse(bytes, LitResponse);

        Assert.Equal(0U, response.Status);
        Assert.Equal(bytes.AsSpan(0x20, SnpReport.Size), response.Report!.Bytes);
        Assert.Equal(bytes[..(0x20 + SnpReport.Size)], response.ToBytes());
        Assert.Equal("MSG_REPORT_RSP", SnpReportFile.Parse(bytes, LitResponse).Container);
    }

    [Fact]
    public void Parse_ResponseTruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = Vectors.Bytes(LitResponse)[..(0x20 + SnpReport.Size + 16)];
        Fuzz.Truncate(valid, bytes => SnpReportResponse.Parse(bytes, "fuzz"));
        Fuzz.Mutate([valid], bytes => SnpReportResponse.Parse(bytes, "fuzz"), Fuzz.MutationCount / 4);
    }

    private static SnpReportExpectations ExpectAll(SnpReport report, SnpVector vector) => vector.Expect() with
    {
        ChipId = report.ChipId.ToArray(),
        Measurements = [new byte[48], report.Measurement.ToArray()],
        ReportData = report.ReportData.ToArray(),
        HostData = report.HostData.ToArray(),
        IdKeyDigest = report.IdKeyDigest.ToArray(),
        AuthorKeyDigest = report.AuthorKeyDigest.ToArray(),
        FamilyId = report.FamilyId.ToArray(),
        ImageId = report.ImageId.ToArray(),
        MinimumGuestSvn = report.GuestSvn,
        Vmpl = report.Vmpl,
        Policy = report.Policy,
        AllowSmt = true,
        MinimumPolicyAbi = default(SnpFirmwareVersion),
        MinimumTcb = report.ReportedTcb,
        MinimumFirmware = report.CommittedVersion,
        RequiredPlatformInfo = report.PlatformInfo.Value,
    };

    private static string[] FailuresOf(ReadOnlySpan<byte> bytes, SnpReportExpectations expected) =>
        [.. SnpReportVerifier.Verify(SnpReport.Parse(bytes, "changed"), expected).Failures.Select(check => check.Name)];

    private static void AssertFields(JsonElement fields, SnpReport report, string path)
    {
        (string Name, string Value)[] texts =
        [
            ("policy", report.Policy.ToString()), ("family_id", Hex(report.FamilyId)), ("image_id", Hex(report.ImageId)),
            ("platform_info", $"0x{report.PlatformInfo.Value:x}"), ("report_data", Hex(report.ReportData)),
            ("measurement", Hex(report.Measurement)), ("host_data", Hex(report.HostData)), ("id_key_digest", Hex(report.IdKeyDigest)),
            ("author_key_digest", Hex(report.AuthorKeyDigest)), ("report_id", Hex(report.ReportId)),
            ("report_id_ma", Hex(report.ReportIdMigrationAgent)), ("chip_id", Hex(report.ChipId)),
            ("current_ver", report.CurrentVersion.ToString()), ("committed_ver", report.CommittedVersion.ToString()),
            ("current_tcb", HexTcb(report.CurrentTcb)), ("reported_tcb", HexTcb(report.ReportedTcb)),
            ("committed_tcb", HexTcb(report.CommittedTcb)), ("launch_tcb", HexTcb(report.LaunchTcb)),
        ];
        Assert.All(
            texts,
            text => Assert.True(fields.GetProperty(text.Name).GetString() == text.Value, $"{path}: {text.Name}: {text.Value}"));
        (string Name, uint Value)[] numbers =
        [
            ("version", report.Version), ("guest_svn", report.GuestSvn), ("vmpl", report.Vmpl), ("sig_algo", report.SignatureAlgorithm),
            ("author_key_en", report.HasAuthorKey ? 1U : 0), ("mask_chip_key", report.IsChipKeyMasked ? 1U : 0),
            ("signing_key", (uint)report.SigningKey),
        ];
        Assert.All(numbers, number => Assert.True(fields.GetProperty(number.Name).GetUInt32() == number.Value, $"{path}: {number.Name}"));
        Assert.Equal(
            fields.GetProperty("cpuid_fms").EnumerateArray().Select(part => part.GetByte()),
            [report.CpuidFamily, report.CpuidModel, report.CpuidStepping]);
        if (report.Version >= 5)
        {
            Assert.Equal(fields.GetProperty("launch_mit").GetString(), $"0x{report.LaunchMitigations:x}");
            Assert.Equal(fields.GetProperty("current_mit").GetString(), $"0x{report.CurrentMitigations:x}");
        }

        AssertTcb(fields.GetProperty("current_tcb_parts"), report.CurrentTcb);
        AssertTcb(fields.GetProperty("reported_tcb_parts"), report.ReportedTcb);
        AssertTcb(fields.GetProperty("committed_tcb_parts"), report.CommittedTcb);
        AssertTcb(fields.GetProperty("launch_tcb_parts"), report.LaunchTcb);
    }

    private static void AssertTcb(JsonElement parts, TcbVersion tcb)
    {
        Assert.Equal(parts.TryGetProperty("fmc", out JsonElement fmc) ? fmc.GetByte() : null, tcb.Fmc);
        Assert.Equal(
            (
                parts.GetProperty("bl").GetByte(),
                parts.GetProperty("tee").GetByte(),
                parts.GetProperty("snp").GetByte(),
                parts.GetProperty("ucode").GetByte()),
            (tcb.BootLoader, tcb.Tee, tcb.Snp, tcb.Microcode));
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string HexTcb(TcbVersion tcb) => Hex(BitConverter.GetBytes(tcb.Value));
}
