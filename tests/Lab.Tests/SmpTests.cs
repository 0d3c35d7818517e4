using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// An unmodified Debian kernel with several vCPUs, as a simulated SEV guest: it finds them by ACPI, and ends itself by ACPI.
/// </summary>
public sealed class SmpTests : IDisposable
{
    private const int GuestSeconds = 400;
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-smp-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, "kvmsev.action=poweroff", 0, "power-off")]
    [InlineData(2, "kvmsev.action=reboot", 32, "reset")]
    [InlineData(4, "kvmsev.action=poweroff", 0, "power-off")]
    public void Guest_BringsUpItsProcessors_AndEndsItself(int vcpuCount, string action, int exitCode, string reason)
    {
        LabOutput run = Boot(vcpuCount, action);

        Assert.True(run.ExitCode == exitCode, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.Contains("Memory Encryption Features active: AMD SEV", run.Output, StringComparison.Ordinal);
        Assert.Contains($"kvmsev-guest: cpus {vcpuCount}\r", run.Output, StringComparison.Ordinal);
        Assert.Contains("ACPI: Interpreter enabled", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI BIOS Error", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI Error", run.Output, StringComparison.Ordinal);
        if (vcpuCount > 1)
        {
            Assert.Contains($"smp: Brought up 1 node, {vcpuCount} CPUs", run.Output, StringComparison.Ordinal);
        }

        Assert.Equal(reason, ReadJson("result.json").GetProperty("stop").GetProperty("reason").GetString());
    }

    [Fact]
    public void EveryProcessor_SharesItsPages_AndTheMapShowsThem()
    {
        LabOutput one = Boot(1, "kvmsev.action=poweroff");
        Assert.True(one.ExitCode == 0, one.Error);
        long accepted = ReadJson("result.json").GetProperty("hypercalls").GetProperty("accepted").GetInt64();
        long shared = SharedPages();

        LabOutput four = Boot(4, "kvmsev.action=poweroff");

        Assert.True(four.ExitCode == 0, four.Error);
        Assert.True(ReadJson("result.json").GetProperty("hypercalls").GetProperty("accepted").GetInt64() > accepted);
        Assert.InRange(SharedPages(), shared + 3, shared + 64);
    }

    private LabOutput Boot(int vcpuCount, string commandLine)
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string kernel = Image("kernel");
        string initramfs = Image("initramfs");
        return Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", kernel, "--file", initramfs, "--out", _folder, "--timeout", $"{GuestSeconds + 60}", "--",
                "kvmsev", "run", "--kernel", $"/in/{Path.GetFileName(kernel)}", "--initramfs", $"/in/{Path.GetFileName(initramfs)}",
                "--cmdline", $"console=ttyS0 panic=-1 {commandLine}", "--memory", "512M", "--cpus", $"{vcpuCount}",
                "--sev", "simulated", "--timeout", $"{GuestSeconds}s", "--map-out", "/out/map.json", "--result", "/out/result.json",
            ],
            TimeSpan.FromSeconds(GuestSeconds + 120));
    }

    private static string Image(string what)
    {
        LabOutput image = Laboratory.Run("scripts/guest-image.sh", ["--print", what], TimeSpan.FromMinutes(5));
        Assert.True(image.ExitCode == 0, image.Error);
        return image.Output.Trim();
    }

    private long SharedPages() => ReadJson("map.json").GetProperty("totals").GetProperty("sharedPages").GetInt64();

    private JsonElement ReadJson(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, name))).RootElement;
}
