using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>platform</c> on the model, and what it does before it touches hardware.</summary>
public sealed class PlatformCommandTests : IDisposable
{
    private const string Simulated =
        "kvmsev: simulated: a model of the firmware, whose authority is not AMD; nothing under it is confidential\n";

    private readonly TempDirectory _directory = new();

    private string Model => _directory.File("psp");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Status_OfANewModel_IsTheGoldenText()
    {
        CliResult result = Run("status");

        Assert.Equal(Golden.Text("platform-status.txt"), result.Output.Replace(Model, "DIR", StringComparison.Ordinal));
        Assert.Equal($"kvmsev: made a new simulated platform in {Model}\n", result.Error);
        Assert.Empty(Run("status").Error);
    }

    [Fact]
    public void Status_Json_SaysSimulated()
    {
        JsonElement root = JsonDocument.Parse(Run("status", "--json").Output).RootElement;

        Assert.Equal("kvmsev.platform-status/1", root.GetProperty("schema").GetString());
        Assert.Equal("simulated", root.GetProperty("mode").GetString());
        Assert.Equal("1.55.25", root.GetProperty("firmware").GetString());
        Assert.Equal("self", root.GetProperty("owner").GetString());
        Assert.True(root.GetProperty("snp").GetProperty("available").GetBoolean());
    }

    [Theory]
    [InlineData(false, false, 8336)]
    [InlineData(true, false, 8336 + 3200)]
    [InlineData(true, true, 8336 + 3200)]
    public void Export_File_IsSevctlsLayout(bool full, bool base64, int size)
    {
        string file = _directory.File("chain");
        CliResult result = Run(["export", file, .. full ? ["--full"] : (string[])[], .. base64 ? ["--base64"] : (string[])[]]);

        EncodedBlob blob = EncodedBlob.DecodeAny(File.ReadAllBytes(file));
        Assert.EndsWith(Simulated, result.Error, StringComparison.Ordinal);
        Assert.Equal(base64 ? BlobEncoding.Base64 : BlobEncoding.Raw, blob.Encoding);
        Assert.Equal(size, blob.Bytes.Length);
        SevCertificateChain chain = SevCertificateChain.ParseExport(blob.Bytes, file);
        Assert.False(chain.Cek.IsUnsigned);
        Assert.Equal(
            full ? CheckOutcome.Pass : CheckOutcome.NotChecked, SevChainVerifier.Verify(chain, PspAuthority.TrustingModel).Verdict);
    }

    [Fact]
    public void Export_Directory_HasSevToolsNames()
    {
        string directory = _directory.File("certs");
        Run("export", "--out-dir", directory);

        Assert.Equal(
            ["ark.cert", "ark.pem", "ask.cert", "ask.pem", "cek.cert", "oca.cert", "pdh.cert", "pek.cert", "vcek.pem"],
            Directory.GetFiles(directory).Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        SevCertificateChain chain = SevCertificateChain.Read(directory, out _);
        Assert.Equal(CheckOutcome.Pass, SevChainVerifier.Verify(chain, PspAuthority.TrustingModel).Verdict);
    }

    [Fact]
    public void Export_ToStdout_IsTheChainAlone()
    {
        CliResult result = Run("export", "-");

        Assert.Equal(8336, result.OutputBytes.Length);
        Assert.EndsWith(Simulated, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotate_MakesANewPdh_AndWithPekANewPek()
    {
        SevCertificateChain before = Chain();
        Run("rotate");
        SevCertificateChain rotated = Chain();
        Run("rotate", "--pek");
        SevCertificateChain renewed = Chain();

        Assert.False(before.Pdh.Body.SequenceEqual(rotated.Pdh.Body));
        Assert.True(before.Pek.Body.SequenceEqual(rotated.Pek.Body));
        Assert.False(before.Pek.Body.SequenceEqual(renewed.Pek.Body));
        Assert.True(before.Cek.Body.SequenceEqual(renewed.Cek.Body));
    }

    [Fact]
    public void Import_OfAnOwnersSignature_TakesThePlatformOver_UntilItIsReset()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Run("pek-csr", _directory.File("csr"));
        SignRequest(key);

        CliResult result = Run("import", _directory.File("pek"), _directory.File("oca"));

        Assert.Contains("owner:           external", result.Output, StringComparison.Ordinal);
        Assert.Contains("owner:    external", Run("status").Output, StringComparison.Ordinal);
        Assert.Equal(CheckOutcome.Pass, SevChainVerifier.Verify(Chain(), PspAuthority.TrustingModel).Verdict);
        CliResult again = CliRunner.Run("platform", "import", _directory.File("pek"), _directory.File("oca"), "--model", Model);
        Assert.NotEqual(0, again.ExitCode);
        Assert.Contains("ALREADY_OWNED", again.Error, StringComparison.Ordinal);
        Run("reset");
        Assert.Contains("owner:    self", Run("status").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Import_OfAWrongSignature_NamesTheFile_BeforeTheFirmwareIsAsked()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Run("pek-csr", _directory.File("csr"));
        SignRequest(key);
        byte[] pek = File.ReadAllBytes(_directory.File("pek"));
        pek[0x420] ^= 1;
        pek[0x630] ^= 1;
        File.WriteAllBytes(_directory.File("pek"), pek);

        CliRunner.Run("platform", "import", _directory.File("pek"), _directory.File("oca"), "--model", Model)
            .AssertFailure(65, $"{_directory.File("pek")}: signature: the signature by the OCA (ECDSA_SHA256) does not verify");
    }

    [Fact]
    public void Id_IsTheChips_AndAResetKeepsIt()
    {
        string before = Run("id").Output;
        Run("reset");

        Assert.Equal(before, Run("id").Output);
        Assert.Equal(128, JsonDocument.Parse(Run("id", "--json").Output).RootElement.GetProperty("ids")[0].GetString()!.Length);
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("rotate")]
    [InlineData("rotate --pek")]
    public void Hardware_IsNotChanged_UntilSomebodyConfirms(string verb)
    {
        string[] command = ["platform", .. verb.Split(' '), "--sev-device", _directory.Kernel];

        CliResult asked = CliRunner.Run(command);
        Assert.Equal(64, asked.ExitCode);
        Assert.EndsWith("nothing was done\n  hint: add --yes if that is what you want\n", asked.Error, StringComparison.Ordinal);

        // An ordinary file takes no commands: confirmed, the kernel is asked, and refuses.
        CliResult confirmed = CliRunner.Run([.. command, "--yes"]);
        Assert.Equal(69, confirmed.ExitCode);
        Assert.Contains("ENOTTY", confirmed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Hardware_ThatIsNotThere_IsOneLineAndAHint()
    {
        CliResult result = CliRunner.Run("platform", "status", "--sev-device", _directory.File("none"));

        Assert.Equal(69, result.ExitCode);
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.Contains("ENOENT", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.StartsWith("  hint: ", result.ErrorLines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Model_InADirectoryOfOtherThings_IsRefused()
    {
        CliRunner.Run("platform", "status", "--model", _directory.Root).AssertFailure(
            64, $"--model: '{_directory.Root}' holds other files, not a platform", "name a new or an empty directory");
        CliRunner.Run("platform", "status", "--model", _directory.Kernel).AssertFailure(
            64, $"--model: '{_directory.Kernel}' is not a directory");
        CliRunner.Run("platform", "status", "--model", Model, "--sev-device", "/dev/sev").AssertFailure(
            64, "--model and --sev-device contradict each other");
    }

    private CliResult Run(params string[] arguments) => OwnerDirectory.Succeed(["platform", .. arguments, "--model", Model]);

    private SevCertificateChain Chain()
    {
        Run("export", _directory.File("chain"), "--full");
        return SevCertificateChain.Read(_directory.File("chain"), out _);
    }

    private void SignRequest(ECDsa key)
    {
        SevCertificate oca = SevCertificate
            .Create(SevKeyUsage.Oca, SevKeyAlgorithm.EcdsaSha256, key.ExportParameters(false), 1, 55)
            .Sign(key, SevKeyUsage.Oca);
        SevCertificate pek = SevCertificate.Read(_directory.File("csr"), out _).Sign(key, SevKeyUsage.Oca);
        File.WriteAllBytes(_directory.File("oca"), oca.Bytes.ToArray());
        File.WriteAllBytes(_directory.File("pek"), pek.Bytes.ToArray());
    }
}
