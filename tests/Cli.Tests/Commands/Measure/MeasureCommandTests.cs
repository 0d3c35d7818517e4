using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>The verb on a tiny kernel and a firmware image of zeros.</summary>
public sealed class MeasureCommandTests : IDisposable
{
    private const string Digest = "2222222222222222222222222222222222222222222222222222222222222222";
    private readonly TempDirectory _directory = new();
    private readonly string _kernel;
    private readonly string _initrd;
    private readonly string _tik;

    public MeasureCommandTests()
    {
        // Names without the directory's, so that golden files hold.
        _kernel = Write("tiny.elf", TinyKernel.Create([0xF4]));
        _initrd = Write("initrd.img", "initrd"u8.ToArray());
        _tik = Write("tik.bin", [.. Enumerable.Range(1, 16).Select(static value => (byte)value)]);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void DirectBoot_PrintsTheDigestAlone()
    {
        CliResult result = Run("--sev", "sev,cbitpos=51", "--kernel", _kernel, "--initramfs", _initrd, "--cmdline", "quiet");

        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.Matches("^[0-9a-f]{64}\n$", result.Output);
    }

    [Theory]
    [InlineData("measure-direct", "--sev", "sev,cbitpos=51")]
    [InlineData(
        "measure-direct-es",
        "--sev", "sev-es,cbitpos=47,legacy-vm-type=off,policy=nodbg+es", "--cpus", "2", "--cpu-model", "EPYC-Milan")]
    public void DirectBoot_Explained_IsTheGoldenFile(string golden, params string[] options)
    {
        string[] all =
            [.. options, "--kernel", _kernel, "--initramfs", _initrd, "--cmdline", "console=ttyS0", "--memory", "64M", "--explain"];

        CliResult json = Run([.. all, "--json"]);

        Assert.Equal(Golden.Text($"{golden}.txt"), Run(all).Output);
        Assert.Equal(
            Golden.Text($"{golden}.json"), json.Output.Replace(_directory.Root + "/", string.Empty, StringComparison.Ordinal));
    }

    [Fact]
    public void Measurement_OfAKnownDigest_IsTheLibrarys()
    {
        SevFirmwareVersion version = new(1, 55, 25);
        byte[] nonce = [.. Enumerable.Repeat((byte)7, 16)];
        byte[] measure = LaunchMeasure.Compute(File.ReadAllBytes(_tik), version, new SevPolicy(3), Convert.FromHexString(Digest), nonce);
        string blob = LaunchMeasurement.Join(measure, nonce).ToString();
        string[] options = ["--sev", "sev,policy=0x3", "--launch-digest", Digest, "--tik", _tik, "--firmware-version", "1.55.25"];

        CliResult computed = Run([.. options, "--nonce", Convert.ToHexString(nonce)]);
        CliResult matched = Run([.. options, "--measurement", blob]);

        Assert.Equal(blob + "\n", computed.Output);
        Assert.Contains($"kvmsev: launch digest {Digest}, policy 0x00000003", computed.ErrorLines);
        Assert.Equal(0, matched.ExitCode);
        Assert.Equal("kvmsev: --measurement: matches", matched.ErrorLines[^1]);
        Assert.Equal(0, Run([.. options, "--nonce", Convert.ToHexString(nonce), "--expect", Convert.ToHexString(measure)]).ExitCode);
        Assert.Equal(0, Run([.. options, "--nonce", Convert.ToHexString(nonce), "--expect", Digest]).ExitCode);
    }

    [Theory]
    [InlineData("sev,policy=0x1", "1.55.25", "policy 0x00000003 instead of 0x00000001")]
    [InlineData("sev,policy=0x3", "1.55.24", "firmware 1.55 build 25 instead of 1.55 build 24")]
    [InlineData("sev,policy=0x3", "0.16.25", "firmware 1.55 build 25 instead of 0.16 build 25")]
    public void Measurement_UnderAnotherPolicyOrFirmware_IsNamed(string sev, string version, string difference)
    {
        byte[] nonce = new byte[16];
        byte[] measure = LaunchMeasure.Compute(
            File.ReadAllBytes(_tik), new SevFirmwareVersion(1, 55, 25), new SevPolicy(3), Convert.FromHexString(Digest), nonce);
        string file = Write("blob", System.Text.Encoding.ASCII.GetBytes(LaunchMeasurement.Join(measure, nonce) + "\n"));

        CliResult result = Run(
            "--sev", sev, "--launch-digest", Digest, "--tik", _tik, "--firmware-version", version, "--measurement", file);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"kvmsev: it comes out with: {difference}", result.ErrorLines[^1]);
        Assert.Contains($"kvmsev: --measurement: '{file}' is read as base64", result.ErrorLines);
    }

    [Theory]
    [InlineData("sev,cbitpos=47", "64M", "1", "C-bit 51 instead of 47")]
    [InlineData("sev,cbitpos=51", "128M", "1", "memory 64 MiB instead of 128 MiB")]
    [InlineData("sev,cbitpos=51", "65M", "1", "memory 64 MiB instead of 65 MiB")]
    [InlineData("sev,cbitpos=51", "64M", "3", "1 vCPU instead of 3")]
    [InlineData("sev,cbitpos=47", "128M", "1", "C-bit 51 instead of 47; memory 64 MiB instead of 128 MiB")]
    public void Expect_AnotherMachine_IsNamed(string sev, string memory, string cpus, string difference)
    {
        string[] files = ["--kernel", _kernel, "--initramfs", _initrd, "--cmdline", "quiet"];
        string wanted = Run(["--sev", "sev,cbitpos=51", "--memory", "64M", .. files]).Output.Trim();

        CliResult result = Run(["--sev", sev, "--memory", memory, "--cpus", cpus, .. files, "--expect", wanted]);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"kvmsev: it comes out with: {difference}", result.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("quiet", true, "quiet\n", true, "a newline at the end of the command line")]
    [InlineData("quiet", true, "quiet ", true, "a space at the end of the command line")]
    [InlineData(" quiet", true, "quiet", true, "the command line without the blanks around it")]
    [InlineData("quiet", true, "", true, "no command line")]
    [InlineData("quiet", true, "quiet", false, "no initrd")]
    public void Expect_OtherFiles_AreNamed(string line, bool withInitrd, string launchedLine, bool isInitrdLaunched, string difference)
    {
        string[] options = ["--sev", "sev,cbitpos=51", "--kernel", _kernel];
        string wanted = Run([.. options, .. Boot(launchedLine, isInitrdLaunched)]).Output.Trim();

        CliResult result = Run([.. options, .. Boot(line, withInitrd), "--expect", wanted, "--json"]);

        JsonElement expectation = JsonDocument.Parse(result.Output).RootElement.GetProperty("expectations")[0];
        Assert.False(expectation.GetProperty("matches").GetBoolean());
        Assert.Equal(difference, expectation.GetProperty("variant")[0].GetString());
        Assert.Equal(wanted, expectation.GetProperty("variantLaunchDigest").GetString());
        Assert.Equal(1, result.ExitCode);
    }

    [Theory]
    [InlineData("sev-es,legacy-vm-type=on", "2",
        "KVM_SEV_INIT2 (legacy-vm-type=off, a host kernel from 6.10 on) instead of KVM_SEV_ES_INIT")]
    [InlineData("sev-es,legacy-vm-type=off", "4", "2 vCPUs instead of 4")]
    [InlineData("sev-es,legacy-vm-type=on", "1",
        "2 vCPUs instead of 1; KVM_SEV_INIT2 (legacy-vm-type=off, a host kernel from 6.10 on) instead of KVM_SEV_ES_INIT")]
    [InlineData("sev", "1", "2 vCPUs instead of 1; SEV-ES instead of SEV: save areas are measured")]
    public void Expect_OtherSaveAreas_AreNamed(string sev, string cpus, string difference)
    {
        string[] options = ["--kernel", _kernel, "--memory", "64M"];
        string wanted = Run(["--sev", "sev-es,cbitpos=51,legacy-vm-type=off", "--cpus", "2", .. options]).Output.Trim();

        CliResult result = Run(["--sev", $"{sev},cbitpos=51", "--cpus", cpus, .. options, "--expect", wanted]);

        Assert.Equal($"kvmsev: it comes out with: {difference}", result.ErrorLines[^1]);
    }

    [Fact]
    public void Expect_WhatNothingGives_SaysSo()
    {
        CliResult result = Run("--sev", "sev-es,cbitpos=51,legacy-vm-type=on", "--kernel", _kernel, "--expect", Digest);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"kvmsev: --expect: DIFFERS: these inputs do not give {Digest}", result.ErrorLines[^2]);
        Assert.StartsWith("kvmsev: no known variant of this launch gives it", result.ErrorLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Assumptions_AreSaid()
    {
        Assert.Equal(
            ["kvmsev: cbitpos is not given: 51 is assumed, as on EPYC since Milan (47 on Naples and Rome)",
             "kvmsev: legacy-vm-type is not given: off is assumed, as on Linux 6.10 and newer",
             "kvmsev: --cpu-model is not given: EPYC (0x800f12) is assumed"],
            Run("--sev", "sev-es", "--kernel", _kernel, "--cpus", "2").ErrorLines);
        Assert.Empty(Run("--sev", "sev-es", "--kernel", _kernel, "--cpus", "2", "--quiet").Error);
    }

    [Fact]
    public void SimulatedLaunch_IsCalledSo()
    {
        CliResult result = Run("--sev", "simulated,cbitpos=39,kind=sev-es,model=x,legacy-vm-type=off", "--kernel", _kernel, "--json");

        Assert.True(JsonDocument.Parse(result.Output).RootElement.GetProperty("simulated").GetBoolean());
        Assert.Equal(
            "kvmsev: this is the launch of a simulated guest: nothing is encrypted and nothing is confidential", result.ErrorLines[^1]);
    }

    [Fact]
    public void IdBlock_GoesToFiles_ThatOpenAgain()
    {
        using System.Security.Cryptography.ECDsa key = System.Security.Cryptography.ECDsa.Create(
            System.Security.Cryptography.ECCurve.NamedCurves.nistP384);
        string pem = Write("key.pem", System.Text.Encoding.ASCII.GetBytes(key.ExportECPrivateKeyPem()));
        string digest = Digest + Digest[..32];

        CliResult result = Run(
            "--sev", "sev-snp,policy=0x30000", "--launch-digest", digest, "--id-key", pem, "--author-key", pem, "--guest-svn", "3",
            "--family-id", "00112233445566778899aabbccddeeff", "--id-block", _directory.File("block"),
            "--id-auth", _directory.File("auth"));

        Assert.Equal(digest + "\n", result.Output);
        IdBlock block = IdBlock.Read(_directory.File("block"), out BlobEncoding encoding);
        IdAuthentication authentication = IdAuthentication.Read(_directory.File("auth"), out _);
        Assert.Equal(BlobEncoding.Base64, encoding);
        Assert.Equal(3U, block.GuestSvn);
        Assert.Equal(digest, Convert.ToHexStringLower(block.LaunchDigest));
        Assert.True(authentication.IsSigned(block));
        Assert.True(authentication.IsIdKeySigned());
    }

    private static CliResult Run(params string[] options) => CliRunner.Run(["measure", .. options]);

    private string[] Boot(string line, bool withInitrd) =>
        withInitrd ? ["--cmdline", line, "--initramfs", _initrd] : ["--cmdline", line];

    private string Write(string name, byte[] content)
    {
        string path = _directory.File(name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
