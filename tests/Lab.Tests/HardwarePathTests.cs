using System.Globalization;
using System.Text.Json;
using KvmSevVmm.TestSupport.Sharing;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// An unmodified Debian kernel boots by <c>--sev sev</c>, the path of the hardware: in the laboratory, under the simulated SEV host with
/// its C-bit alias. kvmsev does nothing that it would not do on a real one.
/// </summary>
public sealed class HardwarePathTests
{
    private const string Host = "KVMSEV_SEV_HOST";
    private const string CommandLine = "console=ttyS0 panic=-1 kvmsev.action=wait";

    // The emulated laboratory stops at every KVM_RUN, so a boot takes some three times as long as without the simulated host.
    [Theory]
    [InlineData("on", "SEV_INIT", 1)]
    [InlineData("off", "SEV_INIT2", 1)]
    [InlineData("on", "SEV_INIT", 2)]
    [InlineData("off", "SEV_INIT2", 2)]
    public void DebianKernel_BootsToInit(string legacy, string init, int vcpuCount)
    {
        string? program = Environment.GetEnvironmentVariable(Host);
        Assert.SkipWhen(string.IsNullOrEmpty(program), $"no simulated SEV host: {Host} does not name one (scripts/sev-host.sh builds it)");
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string kernel = Print("kernel");
        string initramfs = Print("initramfs");
        string folder = Directory.CreateTempSubdirectory("kvmsev-hardware-").FullName;
        try
        {
            LabOutput run = Laboratory.Run(
                "scripts/lab.sh",
                [
                    "--file", program!, "--file", kernel, "--file", initramfs, "--env", "XDG_STATE_HOME=/tmp", "--out", folder,
                    "--timeout", "840", "--",
                    Path.GetFileName(program!), "--sev", "--c-bit-alias", "--strict", "--scramble", "--log", "/out/log.jsonl", "--",
                    "kvmsev", "run", "--sev", $"sev,legacy-vm-type={legacy}", "--kernel", "/in/" + Path.GetFileName(kernel),
                    "--initramfs", "/in/" + Path.GetFileName(initramfs), "--cmdline", CommandLine,
                    "--cpus", vcpuCount.ToString(CultureInfo.InvariantCulture), "--map-out", "/out/map.json",
                    "--event-log", "/out/events.jsonl", "--result", "/out/result.json", "--until", "kvmsev-guest: init reached",
                    "--timeout", "720s",
                ],
                TimeSpan.FromSeconds(900));

            Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}\n{run.Output}\n{run.Error}");
            Assert.Contains("Memory Encryption Features active: AMD SEV", run.Output, StringComparison.Ordinal);
            CheckHost(Path.Combine(folder, "log.jsonl"), init, vcpuCount, out string launchDigest);
            CheckResult(Path.Combine(folder, "result.json"), launchDigest);
            CheckMap(folder);
            CheckOwner(kernel, initramfs, vcpuCount, launchDigest);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void CheckHost(string log, string init, int vcpuCount, out string launchDigest)
    {
        JsonElement[] lines = [.. File.ReadLines(log).Select(static line => JsonDocument.Parse(line).RootElement)];
        JsonElement summary = lines[^1];
        JsonElement vm = Assert.Single(summary.GetProperty("vms").EnumerateArray());
        Assert.Equal(0, summary.GetProperty("violations").GetInt32());
        Assert.Single(lines, line => line.TryGetProperty("call", out JsonElement call) && call.GetString() == init);
        Assert.Equal("RUNNING", vm.GetProperty("state").GetString());
        Assert.Equal(vcpuCount, vm.GetProperty("vcpus").GetInt32());
        Assert.True(vm.GetProperty("sev_status_reads").GetInt32() > 0, "the guest never read SEV_STATUS");
        launchDigest = vm.GetProperty("launch_digest").GetString()!;
    }

    private static void CheckResult(string file, string launchDigest)
    {
        JsonElement result = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
        Assert.Equal("sev", result.GetProperty("mode").GetString());
        Assert.False(result.GetProperty("simulated").GetBoolean());
        Assert.Equal(launchDigest, result.GetProperty("launchDigest").GetString());
        Assert.True(result.GetProperty("hypercalls").GetProperty("accepted").GetInt64() >= 500);
        Assert.Equal(0, result.GetProperty("hypercalls").GetProperty("rejected").GetInt64());
        Assert.True(result.GetProperty("migrationReady").GetBoolean());
    }

    /// <summary>What the guest's owner foretells from the same files is what the firmware measured.</summary>
    private static void CheckOwner(string kernel, string initramfs, int vcpuCount, string launchDigest)
    {
        LabOutput measure = Laboratory.Run(
            "artifacts/kvmsev",
            [
                "measure", "--kernel", kernel, "--initramfs", initramfs, "--cmdline", CommandLine, "--memory", "512M",
                "--cpus", vcpuCount.ToString(CultureInfo.InvariantCulture), "--sev", "sev,cbitpos=39", "--expect", launchDigest,
            ],
            TimeSpan.FromSeconds(120));
        Assert.True(measure.ExitCode == 0, $"{measure.Output}\n{measure.Error}");
    }

    private static void CheckMap(string folder)
    {
        string map = File.ReadAllText(Path.Combine(folder, "map.json"));
        var naive = new NaiveMap(JsonDocument.Parse(map).RootElement.GetProperty("ram").EnumerateArray().Select(static range =>
            (EventLogReader.Hex(range.GetProperty("start")), EventLogReader.Hex(range.GetProperty("end")))));
        naive.Replay(EventLogReader.ReadMapGpaRangeCalls(Path.Combine(folder, "events.jsonl")));
        Assert.True(naive.Accepted >= 500, $"{naive.Accepted} calls in the log");
        Assert.Null(naive.FindDifferenceInJson(map));
    }

    private static string Print(string what)
    {
        LabOutput printed = Laboratory.Run("scripts/guest-image.sh", ["--print", what], TimeSpan.FromSeconds(300));
        Assert.True(printed.ExitCode == 0, printed.Error);
        return printed.Output.Trim();
    }
}
