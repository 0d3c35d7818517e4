using System.Globalization;
using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Tests;
using KvmSevVmm.Sev.Tests.Attestation;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>attest verify</c> and <c>attest show</c> on reports that AMD's chips and AMD's tool made.</summary>
public sealed class AttestVerifyTests
{
    private static readonly string Zeros = new('0', 96);

    public static TheoryData<string> Names => SnpVectors.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Snp_WithEverythingExpected_Passes_AndEveryOtherExpectationFails(string name)
    {
        SnpVector vector = SnpVectors.Get(name);
        SnpReport report = vector.ReadReport();
        (string Option, string Value, string Other, string Check)[] expectations =
        [
            ("--digest", Hex(report.Measurement), Zeros, "report.measurement"),
            ("--report-data", Hex(report.ReportData), "01", "report.report-data"),
            ("--host-data", Hex(report.HostData), new string('1', 64), "report.host-data"),
            ("--policy", report.Policy.ToString(), "0x20000", "policy.value"),
            ("--vmpl", report.Vmpl.ToString(CultureInfo.InvariantCulture), report.Vmpl == 3 ? "0" : "3", "report.vmpl"),
            ("--id-key-digest", Hex(report.IdKeyDigest), new string('1', 96), "report.id-key-digest"),
            ("--family-id", Hex(report.FamilyId), new string('7', 32), "report.family-id"),
            ("--image-id", Hex(report.ImageId), new string('7', 32), "report.image-id"),
            ("--chip-id", Hex(report.ChipId), new string('7', 128), "report.chip-id"),
            ("--min-tcb", "bl=1", "bl=255", "report.minimum-tcb.reported"),
            ("--min-firmware", "1.50.0", "9.0.0", "report.firmware.current"),
            ("--min-guest-svn", "0", "4000000000", "report.guest-svn"),
            ("--product", vector.Generation.ToString(), vector.Generation.ToString() == "Turin" ? "Milan" : "Turin", "product"),
            ("--smt", "allow", "forbid", "policy.smt"),
        ];
        string[] basis = Command(vector);
        string[] all = [.. expectations.SelectMany(static expectation => (string[])[expectation.Option, expectation.Value])];

        CliResult good = OwnerDirectory.Succeed([.. basis, .. all]);
        Assert.Contains("result:      PASS", good.Output, StringComparison.Ordinal);
        foreach ((string option, string _, string other, string check) in expectations)
        {
            CliResult bad = CliRunner.Run([.. basis, option, other]);
            Assert.True(bad.ExitCode == 1, $"{option} {other}: {bad.Output}{bad.Error}");
            Assert.Contains($"FAIL        {check}: ", bad.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Snp_WithoutExpectations_SaysWhatWasNotChecked(string name)
    {
        CliResult result = OwnerDirectory.Succeed(Command(SnpVectors.Get(name)));

        Assert.Contains("NOT CHECKED report.measurement", result.Output, StringComparison.Ordinal);
        Assert.Contains("NOT CHECKED crl", result.Output, StringComparison.Ordinal);
        Assert.Equal(1, CliRunner.Run([.. Command(SnpVectors.Get(name)), "--strict"]).ExitCode);
    }

    [Fact]
    public void Snp_WithoutCertificates_IsNotProven()
    {
        CliResult result = CliRunner.Run("attest", "verify", Vectors.Path("virtee-sev/snp/report_milan.hex"));

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("result:      NOT PROVEN", result.Output, StringComparison.Ordinal);
        Assert.Contains("report.signature", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Snp_WithAnotherChipsCertificate_Fails()
    {
        SnpVector vector = SnpVectors.Get("virtee-sev/snp/report_milan.hex (hex text)");
        SnpVector other = SnpVectors.Get("coco-trustee/snp/test-report.bin");

        CliResult result = CliRunner.Run([.. Command(vector)[..3], .. Command(other)[3..]]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FAIL        report.signature", result.Output, StringComparison.Ordinal);
        Assert.Contains("FAIL        endorsement.chip-id", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Snp_AfterTheCertificateExpired_Fails_UnlessAskedForAnotherTime()
    {
        string[] verify = Command(SnpVectors.Get("coco-trustee/snp/test-vlek-report.bin"));

        Assert.Equal(0, CliRunner.Run(verify).ExitCode);
        CliResult late = CliRunner.Run([.. verify[..^1], "2031-01-01"]);
        Assert.Equal(1, late.ExitCode);
        Assert.Contains("FAIL        vlek.validity", late.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Snp_WithFlippedBits_IsNeverAccepted()
    {
        // All bits are flipped in Sev.Tests; here some from every part of the report, through the verb.
        using TempDirectory directory = new();
        SnpVector vector = SnpVectors.Get("microsoft-tee-verification/turin/report.bin");
        byte[] report = Vectors.Bytes(vector.ReportPath);
        string[] verify = [.. Command(vector)];
        verify[2] = directory.File("report.bin");
        for (int bit = 0; bit < report.Length * 8; bit += 61)
        {
            byte[] damaged = [.. report];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(verify[2], damaged);
            CliResult result = CliRunner.Run(verify);
            Assert.True(result.ExitCode is 1 or 65, $"bit {bit}: {result.ExitCode}");
        }
    }

    [Fact]
    public void Snp_Json_HasEveryCheck()
    {
        CliResult result = OwnerDirectory.Succeed([.. Command(SnpVectors.Get("project-oak/milan_rk_release/report.bin")), "--json"]);

        JsonElement root = JsonDocument.Parse(result.Output).RootElement;
        JsonElement[] checks = [.. root.GetProperty("checks").EnumerateArray()];
        Assert.Equal("kvmsev.verification/1", root.GetProperty("schema").GetString());
        Assert.Equal("PASS", root.GetProperty("verdict").GetProperty("result").GetString());
        Assert.Contains(checks, static check =>
            check.GetProperty("name").GetString() == "report.signature" && check.GetProperty("outcome").GetString() == "PASS");
        Assert.Contains(checks, static check => check.GetProperty("outcome").GetString() == "NOT CHECKED");
    }

    [Fact]
    public void Legacy_OfSevTool_VerifiesByItsPek_ButIsNotProvenWithoutItsChain()
    {
        string report = Vectors.Path("amd-sev-tool/attestation-legacy/attestation_report.bin");
        string pek = Vectors.Path("amd-sev-tool/attestation-legacy/pek.cert");

        CliResult result = CliRunner.Run(
            "attest", "verify", report, "--certs", pek, "--policy", "7", "--nonce", "6eedb42e3c82c572348538540861415c",
            "--digest", "fddbea8ec7d3217b59bd48d567352e3ca0399b2daf18ac66faa5845f4fda3660");

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            Golden.Text("attest-legacy.txt"),
            result.Output.Replace(report, "REPORT", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--tik x", "--tik has no meaning for a SEV-SNP report")]
    [InlineData("--firmware 1.55.25", "--firmware has no meaning for a SEV-SNP report")]
    [InlineData("--nonce 00", "--nonce has no meaning for a SEV-SNP report")]
    public void Snp_ExpectationsOfSev_AreUsage_NotIgnored(string words, string message)
    {
        string report = Vectors.Path("virtee-sev/snp/report_milan.hex");

        CliRunner.Run(["attest", "verify", report, .. words.Split(' ')]).AssertFailure(64, message);
    }

    [Theory]
    [InlineData("--vmpl 0", "--vmpl")]
    [InlineData("--min-tcb bl=1", "--min-tcb")]
    [InlineData("--report-data 00", "--report-data")]
    [InlineData("--allow-debug", "--allow-debug")]
    public void Legacy_ExpectationsOfSnp_AreUsage_NotIgnored(string words, string option)
    {
        string report = Vectors.Path("amd-sev-tool/attestation-legacy/attestation_report.bin");

        CliRunner.Run(["attest", "verify", report, .. words.Split(' ')])
            .AssertFailure(64, $"{option} has no meaning for a report of SEV or SEV-ES");
    }

    [Theory]
    [InlineData("--digest 00", "--digest: 1 bytes where 48 are wanted")]
    [InlineData("--digest xyz!", "--digest: 'xyz!' is neither hexadecimal digits nor base64")]
    [InlineData("--vmpl 4", "--vmpl: '4' is out of range; it must be 0 to 3")]
    [InlineData("--min-tcb spl=1", "--min-tcb: \"spl=1\" is none of fmc=N, bl=N, tee=N, snp=N, ucode=N")]
    [InlineData("--at yesterday", "--at: 'yesterday' is no time")]
    [InlineData("--product Zen", "--product: unknown product 'Zen'")]
    [InlineData("--min-firmware 1.55", "--min-firmware: '1.55' is no version")]
    [InlineData("--policy wrong", "--policy: \"wrong\" is none of:")]
    public void Snp_BadValues_AreUsage(string words, string message)
    {
        string report = Vectors.Path("virtee-sev/snp/report_milan.hex");

        CliResult result = CliRunner.Run(["attest", "verify", report, .. words.Split(' ')]);

        Assert.Equal(64, result.ExitCode);
        Assert.StartsWith($"kvmsev: {message}", result.ErrorLines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("virtee-sev/snp/report_milan.hex", "hex")]
    [InlineData("coco-trustee/az/hcl-report.bin", "Azure HCL blob")]
    [InlineData("lit-sev-snp-utils/snp_report_msg_resp.bin", "MSG_REPORT_RSP")]
    [InlineData("microsoft-tee-verification/genoa/report.bin", "raw")]
    [InlineData("amd-sev-tool/attestation-legacy/attestation_report.bin", "raw")]
    public void Show_SaysWhatItFound(string path, string encoding)
    {
        CliResult result = OwnerDirectory.Succeed("attest", "show", Vectors.Path(path));

        Assert.Contains($" {encoding}\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("POLICY in words:", result.Output, StringComparison.Ordinal);
        Assert.Equal(result.Output, OwnerDirectory.Succeed("inspect", "report", Vectors.Path(path)).Output);
    }

    [Fact]
    public void Show_Product_LeadsToTheCertificate() => Assert.Contains(
        "certificate:        https://kdsintf.amd.com/vcek/v1/Milan/d49554ec",
        OwnerDirectory.Succeed("attest", "show", Vectors.Path("virtee-sev/snp/report_milan.hex"), "--product", "Milan").Output,
        StringComparison.Ordinal);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string[] Command(SnpVector vector) =>
    [
        "attest", "verify", Vectors.Path(vector.ReportPath),
        "--certs", string.Join(',', [Vectors.Path(vector.EndorsementPath), .. vector.AuthorityPaths.Select(Vectors.Path)]),
        "--at", vector.At.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
    ];
}
