using System.Text.Json;
using KvmSevVmm.Cli.Commands.Inspection;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Tests;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>inspect</c>: every format's fields, and one line for whatever is no such file.</summary>
public sealed class InspectCommandTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Session_IsTheGoldenText()
    {
        AssertGolden("inspect-session.txt", "session", [.. Enumerable.Range(0, 128).Select(static index => (byte)index)]);
        AssertSameInBase64("session", [.. Enumerable.Range(0, 128).Select(static index => (byte)index)]);
    }

    [Fact]
    public void IdBlock_IsTheGoldenText()
    {
        IdBlock block = IdBlock.Create(
            [.. Enumerable.Repeat((byte)0xAB, 48)], new SnpPolicy(0x30000), "family-of-guests"u8, "image-of-a-guest"u8, 7);
        AssertGolden("inspect-id-block.txt", "id-block", block.Bytes.ToArray());
        AssertSameInBase64("id-block", block.Bytes.ToArray());
    }

    [Fact]
    public void LegacyReport_IsTheGoldenText() =>
        AssertGolden("inspect-legacy-report.txt", "report", [.. Enumerable.Range(0, 208).Select(static index => (byte)index)]);

    [Fact]
    public void SnpReport_IsTheGoldenText()
    {
        SnpReportFields fields = new()
        {
            Version = 5,
            GuestSvn = 2,
            Measurement = Enumerable.Range(0, 48).Select(static index => (byte)index).ToArray(),
            CpuidFamily = 26,
            CpuidModel = 2,
            CpuidStepping = 1,
            ChipId = Enumerable.Range(1, 8).Select(static index => (byte)index).ToArray(),
            ReportedTcb = TcbVersion.Create(1, 2, 3, 4, 5),
            CommittedTcb = TcbVersion.Create(1, 2, 3, 4, 5),
            CurrentTcb = TcbVersion.Create(1, 2, 3, 4, 5),
            LaunchTcb = TcbVersion.Create(1, 2, 3, 4, 5),
            CurrentVersion = new SnpFirmwareVersion(1, 55, 65),
            CommittedVersion = new SnpFirmwareVersion(1, 55, 64),
            PlatformInfo = new SnpPlatformInfo(0x25),
            LaunchMitigations = 3,
            CurrentMitigations = 7,
        };
        AssertGolden("inspect-snp-report.txt", "report", fields.Sign(null).Bytes.ToArray());
    }

    [Fact]
    public void IdBlock_WithItsAuthentication_IsChecked()
    {
        string authentication = Vectors.Path("virtee-sev/idblock/test_auth_block.bin");
        string block = _directory.File("block");
        File.WriteAllBytes(block, new byte[95].Prepend((byte)1).ToArray());

        CliRunner.Run("inspect", "id-block", block, "--id-auth", authentication).AssertFailure(
            65, $"{block}: version: 0 is not 1");
        IdBlock other = IdBlock.Create(new byte[48], new SnpPolicy(0x30000), new byte[16], new byte[16], 0);
        File.WriteAllBytes(block, other.Bytes.ToArray());
        CliResult result = CliRunner.Run("inspect", "id-block", block, "--id-auth", authentication);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FAIL        id-block.signature", result.Output, StringComparison.Ordinal);
        Assert.Contains("PASS        id-key.signature", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("virtee-sev/chain/naples/pek.cert", "kind:          SEV certificate")]
    [InlineData("virtee-sev/ca/milan/ark.cert", "root:            AMD Milan")]
    [InlineData("virtee-sev/ca/naples/ark.cert.bad", "signature:       none in the file")]
    [InlineData("virtee-sev/snp-ca/turin/ark.pem", "root:            AMD Turin")]
    [InlineData("virtee-sev/snp/vcek_milan.der", "TCB:             bl=3,tee=0,snp=8,ucode=115")]
    [InlineData("coco-trustee/snp/test-vlek.der", "CSP_ID:          CN=cc-us-east-2.amazonaws.com")]
    [InlineData("coco-trustee/milan_ask_ark_asvk.pem", "certificate 3:")]
    public void Cert_KnowsEveryKind(string path, string line) =>
        Assert.Contains(line, OwnerDirectory.Succeed("inspect", "cert", Vectors.Path(path)).Output, StringComparison.Ordinal);

    [Fact]
    public void Cert_OfAModel_IsVisiblyNotAmds()
    {
        string chain = _directory.File("chain");
        OwnerDirectory.Succeed("platform", "export", chain, "--full", "--model", _directory.File("psp"));

        CliResult result = OwnerDirectory.Succeed("inspect", "cert", chain);

        Assert.Contains("root:            kvmsev software PSP: simulated, not AMD's", result.Output, StringComparison.Ordinal);
        JsonElement root = JsonDocument.Parse(OwnerDirectory.Succeed("inspect", "cert", chain, "--json").Output).RootElement;
        Assert.Equal("PDH", root.GetProperty("pdh").GetProperty("pubKeyUsage").GetString());
    }

    [Fact]
    public void Cert_TableOfAHost_IsRead()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        byte[] vcek = psp.ExportVcekChain().Endorsement!.Bytes.ToArray();
        File.WriteAllBytes(_directory.File("table"), new CertificateTable([new(CertificateTable.Vcek, vcek)]).ToBytes());

        CliResult result = OwnerDirectory.Succeed("inspect", "cert", _directory.File("table"));

        Assert.Contains("kind:     certificate table", result.Output, StringComparison.Ordinal);
        Assert.Contains("product:         Milan-B0", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("virtee-sev-snp-measure/ovmf_AmdSev_suffix.bin", "kernel hashes:             yes: 0x810c00, 1024 bytes")]
    [InlineData("virtee-sev-snp-measure/ovmf_OvmfX64_suffix.bin", "kernel hashes:             no: ")]
    public void Ovmf_SaysWhatTheImageCanDo(string path, string line) =>
        Assert.Contains(line, OwnerDirectory.Succeed("inspect", "ovmf", Vectors.Path(path)).Output, StringComparison.Ordinal);

    [Fact]
    public void Kernel_OfElf_HasItsFields()
    {
        string kernel = _directory.File("vmlinux");
        File.WriteAllBytes(kernel, TinyKernel.Create([0xF4]));

        CliResult result = OwnerDirectory.Succeed("inspect", "kernel", kernel);

        Assert.Contains("format:  ELF\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("e_entry:", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kernel", "boot_flag")]
    [InlineData("cert", "certificate")]
    [InlineData("report", "report")]
    [InlineData("session", "session")]
    [InlineData("id-block", "ID block")]
    public void Anything_ThatIsNoSuchFile_IsOneLineWithTheField(string verb, string field)
    {
        string file = _directory.File("file");
        File.WriteAllBytes(file, [.. Enumerable.Repeat((byte)0x99, 100)]);

        CliResult result = CliRunner.Run("inspect", verb, file);

        Assert.Equal(65, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.StartsWith($"kvmsev: {file}: {field}: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        CliRunner.Run("inspect", verb, _directory.File("none"))
            .AssertFailure(66, $"{Argument(verb)}: no such file: '{_directory.File("none")}'");
        CliRunner.Run("inspect", verb, _directory.Root)
            .AssertFailure(65, $"{Argument(verb)}: {_directory.Root}: is a directory, not a file");
    }

    [Fact]
    public void Ovmf_Empty_IsOneLineWithTheField()
    {
        File.WriteAllBytes(_directory.File("empty"), []);

        Assert.Contains(
            ": size: ", Assert.Single(CliRunner.Run("inspect", "ovmf", _directory.File("empty")).ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("session", 128)]
    [InlineData("id-block", 96)]
    [InlineData("report", 208)]
    public void Truncations_AreOneLineAnd65(string verb, int size)
    {
        byte[] valid = new byte[size];
        valid[0x50] = 1;
        for (int length = 0; length < size; length++)
        {
            File.WriteAllBytes(_directory.File("cut"), valid[..length]);
            CliResult result = CliRunner.Run("inspect", verb, _directory.File("cut"));
            Assert.Equal(65, result.ExitCode);
            Assert.Single(result.ErrorLines);
        }
    }

    [Fact]
    public void Certificates_TruncatedAndMutated_AreReadOrRefusedByField()
    {
        using SoftwarePsp psp = SoftwarePsp.Create(new PspOptions { Seed = "inspect" });
        byte[] pem = System.Text.Encoding.ASCII.GetBytes(psp.ExportVcekChain().Endorsement!.ToPem());
        byte[] chain = psp.ExportChain().ToExport();
        byte[] table = new CertificateTable([new(CertificateTable.Vcek, psp.ExportVcekChain().Endorsement!.Bytes.ToArray())]).ToBytes();
        byte[] ask = psp.ExportChain().Authority!.Ask.Bytes.ToArray();
        foreach (byte[] seed in (byte[][])[pem, table, ask])
        {
            Fuzz.Truncate(seed, static bytes => CertificateFacts.Describe("fuzz", bytes));
        }

        Fuzz.Mutate([pem, chain, table, ask, chain[..2084]], static bytes => CertificateFacts.Describe("fuzz", bytes));
    }

    private static string Argument(string verb) => verb == "report" ? "REPORT" : "FILE";

    private void AssertGolden(string golden, string verb, byte[] bytes)
    {
        string file = _directory.File("file");
        File.WriteAllBytes(file, bytes);
        Assert.Equal(
            Golden.Text(golden),
            OwnerDirectory.Succeed("inspect", verb, file).Output.Replace(file, "FILE", StringComparison.Ordinal));
    }

    private void AssertSameInBase64(string verb, byte[] bytes)
    {
        string file = _directory.File("file");
        File.WriteAllBytes(file, bytes);
        string raw = OwnerDirectory.Succeed("inspect", verb, file).Output;
        File.WriteAllText(file, Convert.ToBase64String(bytes, Base64FormattingOptions.InsertLineBreaks) + "\n");
        Assert.Equal(
            raw.Replace("raw", "base64", StringComparison.Ordinal), OwnerDirectory.Succeed("inspect", verb, file).Output);
    }
}
