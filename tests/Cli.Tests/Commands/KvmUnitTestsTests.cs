using KvmSevVmm.Cli.Commands;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>Images of kvm-unit-tests that somebody has built: KVMSEV_UNIT_TESTS names the folder with the <c>*.flat</c> files.</summary>
public sealed class KvmUnitTestsTests
{
    private const string Variable = "KVMSEV_UNIT_TESTS";
    private const int Passed = (0 << 1) | 1;
    private const int Skipped = 77;

    // These need nested SVM or VMX, a PMU, Hyper-V or QEMU's own devices.
    private static readonly string[] NotForThisMachine =
        ["svm", "svm_npt", "vmx", "pmu", "pmu_lbr", "pmu_pebs", "hyperv_", "intel-iommu", "s3", "vmware_backdoors", "xen"];

    [KvmFact]
    public void EveryImage_EndsWithItsOwnVerdict()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(folder), $"{Variable} names no folder of *.flat images");
        string[] images = [.. Directory.GetFiles(folder!, "*.flat").Where(static image => !IsLeftOut(image)).Order(StringComparer.Ordinal)];
        Assert.SkipWhen(images.Length == 0, $"{Variable}: {folder} holds no image for this machine");
        List<string> withoutVerdict = [];

        foreach (string image in images)
        {
            CliResult run = new CliRunner { Machine = new MachineRunner() }
                .RunWith("run", "--kernel", image, "--smp", "2", "--memory", "512M", "--timeout", "90s");
            string name = Path.GetFileName(image);
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {Verdict(run)}");
            if (!run.Error.Contains("wrote to the debug-exit port", StringComparison.Ordinal))
            {
                withoutVerdict.Add($"{name}: {run.Error}");
            }
        }

        Assert.Empty(withoutVerdict);
    }

    private static bool IsLeftOut(string image)
    {
        string name = Path.GetFileNameWithoutExtension(image);
        return NotForThisMachine.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));
    }

    private static string Verdict(CliResult run) => run.ExitCode switch
    {
        Passed => "passed",
        Skipped => "skipped itself",
        _ => $"exit code {run.ExitCode}",
    };
}
