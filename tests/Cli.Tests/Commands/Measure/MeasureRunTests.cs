using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Vcpus;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>What <c>run</c> launches on a machine with SEV, and what the firmware measures there, is what <c>measure</c> says beforehand.</summary>
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
        string[] machine = ["--cpus", cpus, "--initramfs", initrd, "--cmdline", "console=ttyS0 quiet"];

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

    private static string GetSignature()
    {
        using KvmDevice kvm = KvmDevice.Open("/dev/kvm");
        return $"0x{CpuidPolicy.GetSignature(kvm.GetSupportedCpuid()):x}";
    }

    // The guest of the fixture.
    private string WriteKernel()
    {
        string kernel = _folder.File("tiny.elf");
        File.WriteAllBytes(kernel, TinyKernel.Create(static c =>
        {
            c.mov(al, 21);
            c.@out(0xF4, al);
            c.hlt();
        }));
        return kernel;
    }
}
