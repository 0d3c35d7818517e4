using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>
/// What <c>run</c> launches on a machine with SEV, and what the firmware measures there, is what <c>measure</c> says beforehand.
/// </summary>
public sealed class MeasureRunTests : IDisposable
{
    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _host.Dispose();
    }

    [Theory]
    [InlineData("sev,legacy-vm-type=on", 1)]
    [InlineData("sev,legacy-vm-type=off", 1)]
    [InlineData("sev,legacy-vm-type=off", 2)]
    [InlineData("sev-es,legacy-vm-type=on", 1)]
    [InlineData("sev-es,legacy-vm-type=on", 2)]
    [InlineData("sev-es,legacy-vm-type=off", 1)]
    [InlineData("sev-es,legacy-vm-type=off", 2)]
    [InlineData("sev-es,legacy-vm-type=off", 4)]
    public async Task Run_LaunchesWhatMeasureSays(string sev, int vcpus)
    {
        string cpus = vcpus.ToString(CultureInfo.InvariantCulture);
        string initrd = _folder.File("initrd.img");
        await File.WriteAllTextAsync(initrd, "initrd", TestContext.Current.CancellationToken);
        string host = sev.StartsWith("sev-es", StringComparison.Ordinal) ? "--sev-es --cbit 46" : "--sev --cbit 46";
        // The devices stand in the ACPI tables, which are launched.
        string disk = _folder.File("disk.img");
        await File.WriteAllBytesAsync(disk, new byte[4096], TestContext.Current.CancellationToken);
        string[] devices = vcpus == 2 ? ["--disk", $"{disk},readonly=on", "--rng"] : [];
        string[] machine = ["--cpus", cpus, "--initramfs", initrd, "--cmdline", "console=ttyS0 quiet", .. devices];

        SevHostRun run = await _host.RunAsync(host, sev, [.. machine, "--launch-only"]);

        string digest = run.OfVm("launch_digest");
        Assert.Equal(digest, run.Result.GetProperty("launchDigest").GetString());
        string[] options = ["measure", "--kernel", WriteKernel(), "--memory", "64M", .. machine, "--cpu-signature", GetSignature()];
        CliResult result = CliRunner.Run([.. options, "--sev", $"{sev},cbitpos=46", "--expect", digest]);
        Assert.Equal(digest + "\n", result.Output);
        Assert.Equal(["kvmsev: --expect: matches"], result.ErrorLines);
        Assert.Equal(0, result.ExitCode);

        // And where something differs, it is found out from what the firmware measured.
        CliResult other = CliRunner.Run([.. options, "--sev", $"{sev},cbitpos=51", "--expect", digest]);
        Assert.Equal(1, other.ExitCode);
        Assert.Equal("kvmsev: it comes out with: C-bit 46 instead of 51", other.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("sev,legacy-vm-type=on", 1, true)]
    [InlineData("sev-es,legacy-vm-type=on", 2, false)]
    [InlineData("sev-es,legacy-vm-type=off", 4, true)]
    public async Task Bundle_SaysAllThatTheHostDecides(string sev, int vcpus, bool hasSecretPage)
    {
        string initrd = _folder.File("initrd.img");
        await File.WriteAllTextAsync(initrd, "initrd", TestContext.Current.CancellationToken);
        string bundle = _folder.File("bundle.json");
        string host = sev.StartsWith("sev-es", StringComparison.Ordinal) ? "--sev-es --cbit 46" : "--sev --cbit 46";
        string[] files = ["--initramfs", initrd, "--cmdline", "console=ttyS0 quiet"];
        string[] page = hasSecretPage ? ["--secret-page"] : [];
        SevHostRun run = await _host.RunAsync(
            host, sev, [.. files, .. page, "--cpus", $"{vcpus}", "--launch-only", "--launch-bundle", bundle]);

        CliResult result = CliRunner.Run(["measure", "--bundle", bundle, "--kernel", WriteKernel(), .. files]);
        CliResult other = CliRunner.Run(
            ["measure", "--bundle", bundle, "--kernel", WriteKernel(), .. files[..2], "--cmdline", string.Empty]);
        CliResult lessPage = CliRunner.Run(
            ["measure", "--sev", $"{sev},cbitpos=46", "--memory", "64M", "--cpus", $"{vcpus}", "--cpu-signature", GetSignature(),
                "--kernel", WriteKernel(), .. files, "--expect", run.OfVm("launch_digest")]);

        Assert.Equal(run.OfVm("launch_digest") + "\n", result.Output);
        Assert.Equal("kvmsev: launch digest of the bundle: matches", result.ErrorLines[^1]);
        Assert.Contains("is the bundle's too: is it yours?", result.Error, StringComparison.Ordinal);
        Assert.Equal((ExitCode.Success, ExitCode.Failure), (result.ExitCode, other.ExitCode));
        Assert.Equal(hasSecretPage ? "kvmsev: it comes out with: --secret-page" : "kvmsev: --expect: matches", lessPage.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("--sev", "sev,kernel-hashes=on", 1)]
    [InlineData("--sev-es", "sev-es,kernel-hashes=on,legacy-vm-type=on", 2)]
    [InlineData("--sev-es", "sev-es,kernel-hashes=on,legacy-vm-type=off", 4)]
    [InlineData("--snp", "sev-snp,kernel-hashes=on", 2)]
    public async Task Run_OfFirmware_LaunchesWhatMeasureSays(string host, string sev, int vcpus)
    {
        string firmware = _folder.File("OVMF.fd");
        await File.WriteAllBytesAsync(firmware, OvmfBuilder.Complete().ToBytes(), TestContext.Current.CancellationToken);
        string[] machine = ["--firmware", firmware, "--cmdline", "quiet", "--cpus", $"{vcpus}"];

        SevHostRun run = await _host.RunAsync(host, sev, [.. machine, "--launch-only"]);

        Assert.Equal(
            run.OfVm("launch_digest") + "\n",
            CliRunner.Run(["measure", "--sev", sev, "--kernel", WriteKernel(), .. machine, "--cpu-signature", GetSignature()]).Output);
    }

    private static string GetSignature()
    {
        using KvmDevice kvm = KvmDevice.Open("/dev/kvm");
        return $"0x{CpuidPolicy.GetSignature(kvm.GetSupportedCpuid()):x}";
    }

    private string WriteKernel() => SevHostFixture.WriteKernel(_folder.File("tiny.elf"));
}
