using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Tests.Firmware;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>libvirt's verifier accepts the measurements that we compute, and refuses changed ones.</summary>
public sealed class MeasureAgreementTests : IDisposable
{
    private const string Line = "console=ttyS0 root=/dev/vda";
    private const string Nonce = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";

    private readonly TempDirectory _directory = new();
    private readonly string _firmware;
    private readonly string _kernel;
    private readonly string _initrd;
    private readonly string _tik;
    private readonly string _tek;

    public MeasureAgreementTests()
    {
        _firmware = Write("OVMF.fd", OvmfBuilder.Complete().ToBytes());
        _kernel = Write("vmlinuz", "not a kernel, just bytes\n"u8);
        _initrd = Write("initrd.img", "not an initrd either\n"u8);
        _tik = Write("tik.bin", Convert.FromHexString("112233445566778899aabbccddeeff00"));
        _tek = Write("tek.bin", Convert.FromHexString("0f1e2d3c4b5a69788796a5b4c3d2e1f0"));
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Firmware_IsAccepted_AndAChangedOneRefused()
    {
        SevValidate.Require();
        string blob = Measure("sev,policy=0x1", "--firmware", _firmware);

        Assert.Equal(SevValidate.Accepted, Validate(blob, 1));
        AssertChangesAreRefused(blob, 1);
        Assert.Equal(SevValidate.Refused, Validate(blob, 3));
        File.AppendAllText(_firmware, "0123456789abcdef");
        Assert.Equal(SevValidate.Refused, Validate(blob, 1));
    }

    [Fact]
    public void DebiansFirmware_IsAccepted()
    {
        SevValidate.Require();
        string firmware = DebianOvmf.Path("/usr/share/ovmf/OVMF.fd");
        string blob = Measure("sev,policy=0x1", "--firmware", firmware);

        Assert.Equal(SevValidate.Accepted, SevValidate.Run([.. Options(blob, 1), "--firmware", firmware]).ExitCode);
        Assert.Equal(SevValidate.Refused, SevValidate.Run([.. Options(blob, 1), "--firmware", _firmware]).ExitCode);
    }

    [Fact]
    public void KernelHashes_AreAccepted_AndChangedFilesRefused()
    {
        SevValidate.Require();
        string[] files = ["--kernel", _kernel, "--initrd", _initrd, "--cmdline", Line];
        string blob = Measure("sev,policy=0x1,kernel-hashes=on", ["--firmware", _firmware, .. files]);

        Assert.Equal(SevValidate.Accepted, Validate(blob, 1, files));
        AssertChangesAreRefused(blob, 1, files);
        Assert.Equal(SevValidate.Refused, Validate(blob, 1));
        Assert.Equal(SevValidate.Refused, Validate(blob, 1, "--kernel", _kernel, "--initrd", _initrd, "--cmdline", Line + " quiet"));
        Assert.Equal(SevValidate.Refused, Validate(blob, 1, "--kernel", _kernel, "--initrd", _kernel, "--cmdline", Line));
        Write("vmlinuz", "not a kernel, just bytes!"u8);
        Assert.Equal(SevValidate.Refused, Validate(blob, 1, files));
    }

    [Theory]
    [InlineData("1", 23, 49, 0)]
    [InlineData("4", 25, 1, 1)]
    public void EncryptedState_IsAccepted_AndAnotherNumberOfCpusRefused(string cpus, byte family, byte model, byte stepping)
    {
        SevValidate.Require();
        string signature = $"0x{new CpuModel("test", family, model, stepping).Signature:x}";
        string[] processor = ["--cpu-family", $"{family}", "--cpu-model", $"{model}", "--cpu-stepping", $"{stepping}"];
        string[] files = ["--kernel", _kernel, "--initrd", _initrd, "--cmdline", Line];

        // Its save areas are those of KVM_SEV_ES_INIT.
        string blob = Measure(
            "sev-es,policy=0x5,legacy-vm-type=on,kernel-hashes=on",
            ["--firmware", _firmware, "--cpus", cpus, "--cpu-signature", signature, .. files]);

        Assert.Equal(SevValidate.Accepted, Validate(blob, 5, ["--num-cpus", cpus, .. processor, .. files]));
        AssertChangesAreRefused(blob, 5, ["--num-cpus", cpus, .. processor, .. files]);
        Assert.Equal(SevValidate.Refused, Validate(blob, 5, ["--num-cpus", "2", .. processor, .. files]));
    }

    [Fact]
    public void GivenSaveAreas_AreAccepted()
    {
        SevValidate.Require();
        string first = Write("vmsa0", VmsaProfiles.Create(VmsaProfile.QemuInit2, VmsaProfiles.ResetVector, 0xa00f11, 0).Page);
        string further = Write("vmsa1", VmsaProfiles.Create(VmsaProfile.QemuInit2, 0x80b004, 0xa00f11, 0).Page);
        string[] areas = ["--vmsa-cpu0", first, "--vmsa-cpu1", further];
        string blob = Measure("sev-es", ["--firmware", _firmware, "--cpus", "2", .. areas]);

        Assert.Equal(SevValidate.Accepted, Validate(blob, 5, ["--num-cpus", "2", .. areas]));
        Assert.Equal(blob, Measure("sev-es,legacy-vm-type=off", "--firmware", _firmware, "--cpus", "2", "--cpu-model", "EPYC-Milan"));
        Assert.Equal(SevValidate.Refused, Validate(blob, 5, "--num-cpus", "2", "--vmsa-cpu0", first, "--vmsa-cpu1", first));
    }

    private void AssertChangesAreRefused(string blob, int policy, params string[] options)
    {
        byte[] changed = Convert.FromBase64String(blob);
        changed[7] ^= 0x10;
        Assert.Equal(SevValidate.Refused, Validate(Convert.ToBase64String(changed), policy, options));
        byte[] tik = File.ReadAllBytes(_tik);
        tik[0] ^= 1;
        File.WriteAllBytes(_tik, tik);
        Assert.Equal(SevValidate.Refused, Validate(blob, policy, options));
        tik[0] ^= 1;
        File.WriteAllBytes(_tik, tik);
        Assert.Equal(SevValidate.Accepted, Validate(blob, policy, options));
    }

    private string Measure(string sev, params string[] options)
    {
        CliResult result = CliRunner.Run(
            ["measure", "--sev", sev, .. options, "--tik", _tik, "--nonce", Nonce, "--firmware-version", "1.55.25", "--quiet"]);
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        return result.Output.TrimEnd('\n');
    }

    private int Validate(string blob, int policy, params string[] options) =>
        SevValidate.Run([.. Options(blob, policy), "--firmware", _firmware, .. options]).ExitCode;

    private string[] Options(string blob, int policy) =>
    [
        "--measurement", blob, "--api-major", "1", "--api-minor", "55", "--build-id", "25", "--policy", $"{policy}",
        "--tik", _tik, "--tek", _tek,
    ];

    private string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = _directory.File(name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
