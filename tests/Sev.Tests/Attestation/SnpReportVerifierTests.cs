using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

/// <summary>A model platform, all of whose keys are known: what real reports cannot show, each property failing alone.</summary>
public sealed class SnpReportVerifierTests
{
    // Made once: its keys take time. Nothing changes it.
    private static readonly ModelSnpPlatform Platform = new();

    [Fact]
    public void Verify_EverythingKnownAndRight_PassesButForTheModelsProduct()
    {
        VerificationReport result = SnpReportVerifier.Verify(Sign(ModelSnpPlatform.MakeFields()), Platform.Expect());

        // The chain cannot say that a root of nobody's stands for Milan.
        Assert.Equal(["vcek.product"], result.Checks.Where(check => check.Outcome != CheckOutcome.Pass).Select(check => check.Name));
        Assert.False(result.HasFailures);
        Assert.Contains("NOT AMD's", result.Find("ark.pinned")!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_ModelsRootUnlessTold_IsRefused()
    {
        SnpReportExpectations expected = Platform.Expect() with { Anchors = TrustAnchors.AmdOnly };

        Assert.Equal(["ark.pinned"], FailuresOf(ModelSnpPlatform.MakeFields(), expected));
    }

    [Fact]
    public void Verify_NoCertificates_SaysThatNothingIsProven()
    {
        SnpReportExpectations expected = Platform.Expect() with { Chain = null };

        VerificationReport result = SnpReportVerifier.Verify(Sign(ModelSnpPlatform.MakeFields()), expected);

        Assert.Equal(CheckOutcome.NotChecked, result.Verdict);
        Assert.Equal(CheckOutcome.NotChecked, result.Find("report.signature")!.Outcome);
        Assert.Contains("anybody can sign", result.Find("report.signature")!.Detail, StringComparison.Ordinal);
    }

    public static TheoryData<string, string[]> Deviations => new()
    {
        { "measurement", ["report.measurement"] },
        { "report data", ["report.report-data"] },
        { "host data", ["report.host-data"] },
        { "id key", ["report.id-key-digest"] },
        { "author key", ["report.author-key-digest"] },
        { "author key not enabled", ["report.author-key-digest"] },
        { "family", ["report.family-id"] },
        { "image", ["report.image-id"] },
        { "svn", ["report.guest-svn"] },
        { "vmpl", ["report.vmpl"] },
        { "debug", ["policy.debug", "policy.value"] },
        { "migration", ["policy.migration-agent", "policy.value"] },
        { "bit 17", ["policy.mandatory-bit", "policy.value"] },
        { "policy abi", ["policy.met", "policy.value"] },
        { "reported", ["endorsement.tcb", "report.minimum-tcb.reported"] },
        { "reported above", ["endorsement.tcb"] },
        { "committed", ["report.minimum-tcb.committed"] },
        { "current firmware", ["report.firmware.current"] },
        { "committed firmware", ["report.firmware.committed"] },
        { "platform", ["report.platform-info"] },
        { "chip", ["endorsement.chip-id", "report.chip-id"] },
        { "product", ["report.product"] },
        { "vlek", ["endorsement.kind"] },
        { "unsigned", ["endorsement.kind"] },
        { "key 3", ["endorsement.kind"] },
    };

    // Signed by the right key each time: only what deviates may fail.
    [Theory]
    [MemberData(nameof(Deviations))]
    public void Verify_OneDeviation_FailsThereAndNowhereElse(string what, string[] failures)
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields();
        byte[] other = SHA512.HashData("other"u8);
        fields = what switch
        {
            "measurement" => fields with { Measurement = other.AsMemory(0, 48) },
            "report data" => fields with { ReportData = other },
            "host data" => fields with { HostData = other.AsMemory(0, 32) },
            "id key" => fields with { IdKeyDigest = other.AsMemory(0, 48) },
            "author key" => fields with { AuthorKeyDigest = other.AsMemory(0, 48) },
            "author key not enabled" => fields with { HasAuthorKey = false },
            "family" => fields with { FamilyId = other.AsMemory(0, 16) },
            "image" => fields with { ImageId = other.AsMemory(0, 16) },
            "svn" => fields with { GuestSvn = 4 },
            "vmpl" => fields with { Vmpl = 1 },
            "debug" => fields with { Policy = SnpPolicy.Parse("smt,debug") },
            "migration" => fields with { Policy = SnpPolicy.Parse("smt,migrate-ma") },
            "bit 17" => fields with { Policy = new SnpPolicy(0x10000) },
            "policy abi" => fields with { Policy = SnpPolicy.Parse("smt,abi-major=1,abi-minor=56") },
            "reported" => fields with { ReportedTcb = TcbVersion.Create(null, 4, 1, 23, 219) },
            "reported above" => fields with { ReportedTcb = TcbVersion.Create(null, 4, 1, 25, 219) },
            "committed" => fields with { CommittedTcb = TcbVersion.Create(null, 4, 1, 24, 218) },
            "current firmware" => fields with { CurrentVersion = new SnpFirmwareVersion(1, 54, 255) },
            "committed firmware" => fields with { CommittedVersion = new SnpFirmwareVersion(1, 55, 27) },
            "platform" => fields with { PlatformInfo = new SnpPlatformInfo(0x20) },
            "chip" => fields with { ChipId = other },
            "product" => fields with { CpuidModel = 0x11 },
            "vlek" => fields with { SigningKey = SnpSigningKey.Vlek },
            "unsigned" => fields with { SigningKey = SnpSigningKey.None },
            "key 3" => fields with { SigningKey = (SnpSigningKey)3 },
            _ => throw new ArgumentException(what, nameof(what)),
        };
        Assert.Equal(failures, FailuresOf(fields, Platform.Expect()));
    }

    [Fact]
    public void Verify_PermissionsAskedFor_AreAccepted()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with { Policy = SnpPolicy.Parse("debug,migrate-ma") };
        SnpReportExpectations expected = Platform.Expect() with
        {
            Policy = fields.Policy,
            AllowDebug = true,
            AllowMigrationAgent = true,
            AllowSmt = false,
        };

        Assert.Empty(FailuresOf(fields, expected));
        Assert.Equal(
            ["policy.smt"],
            FailuresOf(
                fields with { Policy = SnpPolicy.Parse("smt,debug,migrate-ma") },
                expected with { Policy = SnpPolicy.Parse("smt,debug,migrate-ma") }));
        Assert.Equal(["policy.abi"], FailuresOf(fields, expected with { MinimumPolicyAbi = new SnpFirmwareVersion(1, 51, 0) }));
        SnpReportFields demanding = fields with { Policy = SnpPolicy.Parse("debug,migrate-ma,abi-major=1,abi-minor=51") };
        Assert.Empty(FailuresOf(
            demanding,
            expected with { Policy = demanding.Policy, MinimumPolicyAbi = new SnpFirmwareVersion(1, 51, 99) }));
    }

    [Fact]
    public void Verify_SeveralMeasurements_AnyOfThemWill()
    {
        ReadOnlyMemory<byte> own = ModelSnpPlatform.MakeFields().Measurement;

        Assert.Empty(FailuresOf(ModelSnpPlatform.MakeFields(), Platform.Expect() with { Measurements = [new byte[48], own] }));
        Assert.Equal(["report.measurement"], FailuresOf(ModelSnpPlatform.MakeFields(), Platform.Expect() with { Measurements = [] }));
        Assert.Equal(
            ["report.measurement"],
            FailuresOf(ModelSnpPlatform.MakeFields(), Platform.Expect() with { Measurements = [own[1..]] }));
    }

    [Fact]
    public void Verify_SomebodyElsesKey_Fails()
    {
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SnpReport forged = ModelSnpPlatform.MakeFields().Sign(stranger);
        SnpReport unsigned = ModelSnpPlatform.MakeFields().Sign(null);

        Assert.Equal(["report.signature"], SnpReportVerifier.Verify(forged, Platform.Expect()).Failures.Select(check => check.Name));
        Assert.Equal(["report.signature"], SnpReportVerifier.Verify(unsigned, Platform.Expect()).Failures.Select(check => check.Name));
    }

    [Fact]
    public void Verify_OtherSignatureAlgorithm_Fails()
    {
        byte[] bytes = Sign(ModelSnpPlatform.MakeFields()).Bytes.ToArray();
        bytes[0x34] = 2;

        CheckResult check = SnpReportVerifier.Verify(SnpReport.Parse(bytes, "x"), Platform.Expect()).Find("report.signature")!;

        Assert.Equal(CheckOutcome.Fail, check.Outcome);
        Assert.Contains("algorithm 2", check.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_Vlek_IsBoundToItsProvider()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with { SigningKey = SnpSigningKey.Vlek, ChipId = default };
        SnpReportExpectations expected = Platform.Expect() with { Chain = Platform.MakeVlek(), ChipId = null };

        Assert.Empty(FailuresOf(fields, expected with { Provider = "cloud.example" }));
        Assert.Equal(["endorsement.provider"], FailuresOf(fields, expected with { Provider = "other.example" }));
        CheckResult open = SnpReportVerifier.Verify(Sign(fields), expected).Find("endorsement.provider")!;
        Assert.Equal(CheckOutcome.NotChecked, open.Outcome);
        Assert.Contains("cloud.example", open.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_MaskedChipId_IsNamedAsNotChecked()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with { ChipId = default };
        SnpReportExpectations expected = Platform.Expect() with { ChipId = null };

        VerificationReport result = SnpReportVerifier.Verify(Sign(fields), expected);

        Assert.Equal(CheckOutcome.NotChecked, result.Find("endorsement.chip-id")!.Outcome);
        Assert.False(result.HasFailures);
    }

    [Fact]
    public void Verify_Turin_TakesItsOwnTcbLayoutAndEightBytesOfTheChipId()
    {
        TcbVersion tcb = TcbVersion.Create(1, 2, 3, 4, 81);
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with
        {
            Version = 5,
            CpuidFamily = 26,
            CpuidModel = 2,
            ReportedTcb = tcb,
            CommittedTcb = tcb,
            CurrentTcb = tcb,
            ChipId = ModelSnpPlatform.ChipId.AsMemory(0, 8),
            LaunchMitigations = 1,
            CurrentMitigations = 3,
        };
        SnpReportExpectations expected = Platform.Expect() with
        {
            Chain = Platform.MakeVcek(tcb, ModelSnpPlatform.ChipId[..8], "Turin"),
            ChipId = null,
            MinimumTcb = tcb,
        };

        Assert.Empty(FailuresOf(fields, expected));
        Assert.Equal((1UL, 3UL), (Sign(fields).LaunchMitigations, Sign(fields).CurrentMitigations));
        Assert.Equal(["endorsement.chip-id"], FailuresOf(fields with { ChipId = ModelSnpPlatform.ChipId.AsMemory(0, 9) }, expected));
        Assert.Equal(
            ["report.product"],
            FailuresOf(fields, expected with { Chain = Platform.MakeVcek(tcb, ModelSnpPlatform.ChipId[..8], "Genoa") }));

        // The same numbers in the older layout are another version.
        Assert.Contains("endorsement.tcb", FailuresOf(fields with { CpuidFamily = 25 }, expected));
        SnpReportExpectations higher = expected with { MinimumTcb = TcbVersion.Create(2, 2, 3, 4, 81) };
        Assert.Equal(["report.minimum-tcb.reported", "report.minimum-tcb.committed"], FailuresOf(fields, higher));
    }

    [Fact]
    public void Verify_Version2OnTurin_Fails()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with { Version = 2 };

        Assert.Empty(FailuresOf(fields, Platform.Expect()));
        Assert.Equal(["report.product"], FailuresOf(fields, Platform.Expect() with { Chain = Platform.MakeVcek(product: "Turin") }));
    }

    [Fact]
    public void Verify_UnknownProcessor_IsNamedAsNotChecked()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields() with { CpuidModel = 0x77 };

        Assert.Equal(CheckOutcome.NotChecked, SnpReportVerifier.Verify(Sign(fields), Platform.Expect()).Find("report.product")!.Outcome);
    }

    [Fact]
    public void Verify_VcekWithoutChipId_Fails()
    {
        // A VLEK's extensions under a VCEK's flag: no chip, so no binding.
        SnpReportExpectations expected = Platform.Expect() with { Chain = Platform.MakeVlek() };

        Assert.Equal(["endorsement.kind", "endorsement.chip-id"], FailuresOf(ModelSnpPlatform.MakeFields(), expected));
    }

    [Theory]
    [InlineData(0x000, "version")]
    [InlineData(0x049, "flags at 0x48")]
    [InlineData(0x04C, "reserved at 0x4c")]
    [InlineData(0x18B, "reserved at 0x18b")]
    [InlineData(0x19F, "reserved at 0x18b")]
    [InlineData(0x1EB, "reserved at 0x1eb")]
    [InlineData(0x1EF, "reserved at 0x1ef")]
    [InlineData(0x1F8, "reserved at 0x1f8")]
    [InlineData(0x29F, "reserved at 0x1f8")]
    [InlineData(0x330, "reserved at 0x330")]
    [InlineData(0x49F, "reserved at 0x330")]
    public void Parse_ReservedByteSet_IsNamed(int offset, string field)
    {
        byte[] bytes = Sign(ModelSnpPlatform.MakeFields()).Bytes.ToArray();
        bytes[offset] = 9;

        Assert.Equal(field, Assert.Throws<SevFormatException>(() => SnpReport.Parse(bytes, "x")).Field);
    }

    [Fact]
    public void Parse_FieldsOfLaterVersions_AreReservedBefore()
    {
        byte[] version2 = Sign(ModelSnpPlatform.MakeFields() with { Version = 2 }).Bytes.ToArray();
        byte[] version5 = Sign(ModelSnpPlatform.MakeFields() with { Version = 5, CpuidFamily = 25 }).Bytes.ToArray();
        version2[0x188] = 25;
        version5[0x208] = 1;

        Assert.Equal("reserved at 0x188", Assert.Throws<SevFormatException>(() => SnpReport.Parse(version2, "x")).Field);
        Assert.Equal("reserved at 0x208", Assert.Throws<SevFormatException>(() => SnpReport.Parse(version5, "x")).Field);
        Assert.Null(Sign(ModelSnpPlatform.MakeFields()).LaunchMitigations);
        foreach (uint version in (uint[])[0, 1, 4, 6, uint.MaxValue])
        {
            BitConverter.TryWriteBytes(version2, version);
            Assert.Equal("version", Assert.Throws<SevFormatException>(() => SnpReport.Parse(version2, "x")).Field);
        }
    }

    [Fact]
    public void Sign_FieldTooLong_IsRefused() =>
        Assert.Throws<ArgumentException>(() => (ModelSnpPlatform.MakeFields() with { HostData = new byte[33] }).Sign(null));

    private static SnpReport Sign(SnpReportFields fields) => fields.Sign(Platform.EndorsementKey);

    private static string[] FailuresOf(SnpReportFields fields, SnpReportExpectations expected) =>
        [.. SnpReportVerifier.Verify(Sign(fields), expected).Failures.Select(check => check.Name)];
}
