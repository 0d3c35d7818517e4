using System.Text.Json;
using KvmSevVmm.TestSupport.Sharing;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// Debian's OVMF hands an unmodified kernel from fw_cfg on, as an ordinary guest and as a simulated SEV guest with two vCPUs.
/// </summary>
public sealed class FirmwareTests : IDisposable
{
    private const string Firmware = "/usr/share/ovmf/OVMF.fd";
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-firmware-").FullName;

    private string Output => Path.Combine(_folder, "out");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Linux_BootsThroughOvmf_AndPowersOff()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        Assert.SkipUnless(File.Exists(Firmware), $"no {Firmware}: Debian's package ovmf is not installed");

        LabOutput run = Laboratory.RunScript("firmware.sh", _folder, "--file", Firmware, "--memory", "7168");

        Assert.Contains("plain: exit code 0", run.Output, StringComparison.Ordinal);
        Assert.Contains("simulated: exit code 0", run.Output, StringComparison.Ordinal);
        CheckConsole("plain", cpus: 1);
        CheckConsole("simulated", cpus: 2);
        Assert.DoesNotContain("Memory Encryption Features", Read("plain.log"), StringComparison.Ordinal);
        Assert.Contains("Memory Encryption Features active: AMD SEV", Read("simulated.log"), StringComparison.Ordinal);
        Assert.Contains("[mem 0x0000000100000000-0x000000017fffffff] usable", Read("simulated.log"), StringComparison.Ordinal);
        CheckMap();
    }

    /// <summary>The firmware's own tables and initrd were used: what no loader of ours can have done.</summary>
    private void CheckConsole(string name, int cpus)
    {
        string console = Read($"{name}.log");
        Assert.Contains(" by EDK II", console, StringComparison.Ordinal);
        Assert.Contains("EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path", console, StringComparison.Ordinal);
        Assert.Contains("(v06 KVMSEV KVMSEVVM", console, StringComparison.Ordinal);
        Assert.Contains($"kvmsev-guest: cpus {cpus}", console, StringComparison.Ordinal);
        Assert.Contains("kvmsev-guest: init reached", console, StringComparison.Ordinal);
        Assert.Contains("reboot: Power down", console, StringComparison.Ordinal);
    }

    private void CheckMap()
    {
        using JsonDocument result = JsonDocument.Parse(Read("simulated.json"));
        long accepted = result.RootElement.GetProperty("hypercalls").GetProperty("accepted").GetInt64();
        Assert.True(accepted >= 500, $"{accepted} hypercalls");
        Assert.Equal(0, result.RootElement.GetProperty("hypercalls").GetProperty("rejected").GetInt64());
        using JsonDocument map = JsonDocument.Parse(Read("simulated.map.json"));
        var naive = new NaiveMap(map.RootElement.GetProperty("ram").EnumerateArray().Select(static range =>
            (EventLogReader.Hex(range.GetProperty("start")), EventLogReader.Hex(range.GetProperty("end")))));
        naive.Replay(EventLogReader.ReadMapGpaRangeCalls(Path.Combine(Output, "simulated.jsonl")));
        Assert.Null(naive.FindDifferenceInJson(Read("simulated.map.json")));
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(Output, name));
}
