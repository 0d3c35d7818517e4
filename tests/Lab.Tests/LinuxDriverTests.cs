using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>What Linux' own drivers make of the power button, of pvpanic, and of a console whose reader has stopped reading.</summary>
public sealed class LinuxDriverTests : IDisposable
{
    private const int GuestSeconds = 300;
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-drivers-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Panic_IsToldByPvpanic_AndEndsWith34()
    {
        LabOutput run = Run("panic", [], "--serial", "file=/out/serial.log");

        Assert.True(run.ExitCode == 34, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.Contains("Kernel panic - not syncing: sysrq triggered crash", Serial(), StringComparison.Ordinal);
        Assert.Equal("guest-panic", StopReason());
    }

    [Fact]
    public void PowerButton_CtrlAP_IsAKeyThatShutsTheGuestDown()
    {
        LabOutput run = Run("button", ["Power Button, waits", @"\1p"]);

        Assert.True(run.ExitCode == 0, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.Contains("kvmsev-guest: power button pressed", run.Output, StringComparison.Ordinal);
        Assert.Equal("power-off", StopReason());
    }

    /// <summary>A guest that powers off resets its devices first, so this one is stopped while it uses them.</summary>
    [Fact]
    public void Map_NamesQueuesAndTheirBuffersExactly_AndAllAreShared()
    {
        LabOutput run = InLaboratory(
            [],
            [
                "sh", "-c", "truncate -s 16M disk.img; exec \"$@\"", "sh",
                .. Command(
                    "button", "--until", "Power Button, waits", "--disk", "disk.img", "--vsock", "cid=3,socket=vsock.sock", "--rng",
                    "--console", "file=/out/hvc0.bin", "--map-out", "/out/map.json"),
            ]);

        Assert.True(run.ExitCode == 0, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        using JsonDocument map = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "map.json")));
        Dictionary<string, string[]> labels = map.RootElement.GetProperty("ranges").EnumerateArray()
            .Where(static range => range.TryGetProperty("label", out _))
            .GroupBy(static range => range.GetProperty("label").GetProperty("text").GetString()!)
            .ToDictionary(static kind => kind.Key, static kind => kind.Select(static range =>
                $"{range.GetProperty("state").GetString()}, {range.GetProperty("label").GetProperty("certainty").GetString()}").ToArray());

        // The socket and the console have buffers out for what may come.
        foreach (string label in (string[])
            [
                "virtqueue 0 of disk0", "virtqueue 0 of vsock", "virtqueue 1 of vsock", "virtqueue 0 of console",
                "buffer of virtqueue 0 of vsock", "buffer of virtqueue 0 of console",
            ])
        {
            Assert.True(labels.ContainsKey(label), $"no '{label}' among {string.Join(", ", labels.Keys)}");
            Assert.All(labels[label], static words => Assert.Equal("shared, exact", words));
        }

        Assert.All(labels["loader: ACPI tables"], static words => Assert.EndsWith("exact", words, StringComparison.Ordinal));
    }

    [Fact]
    public void Hvc0_WhoseReaderDoesNotRead_StallsNoGuest_AndGrowsNoMonitor()
    {
        // The reader holds the pipe and never reads: 64 KiB go there, 256 KiB into the ring, of 8 MiB.
        LabOutput run = InLaboratory(
            [],
            [
                "sh", "-c", "mkfifo pipe; exec 3<>pipe; exec \"$@\" >&3", "sh",
                .. Command("devices kvmsev.hvc-kib=8192", "--console", "tty", "--serial", "file=/out/serial.log"),
            ]);

        Assert.True(run.ExitCode == 0, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.Equal("power-off", StopReason());
        Assert.Contains("kvmsev-guest: devices done", Serial(), StringComparison.Ordinal);
        JsonElement console = Result().GetProperty("devices")[0];
        Assert.Equal("console", console.GetProperty("type").GetString());
        Assert.True(console.GetProperty("hostErrors").GetInt64() > 0, console.ToString());
        Assert.InRange(console.GetProperty("bytesFromGuest").GetInt64(), 256 << 10, 1 << 20);
        Assert.Contains("bytes of the guest's", run.Error, StringComparison.Ordinal);
        long kilobytes = Result().GetProperty("peakRssBytes").GetInt64() >> 10;
        Assert.InRange(kilobytes, 1, 40 << 10);
    }

    [Fact]
    public void Hvc0_WhoseFileIsOnAFullDisk_EndsWith74_WhenTheGuestHasEnded()
    {
        LabOutput run = Run("devices kvmsev.hvc-kib=64", [], "--console", "file=/dev/full", "--serial", "file=/out/serial.log");

        Assert.True(run.ExitCode == 74, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.Contains("kvmsev-guest: devices done", Serial(), StringComparison.Ordinal);
        Assert.Contains("/dev/full", run.Error, StringComparison.Ordinal);
    }

    private LabOutput Run(string action, string[] talk, params string[] options) =>
        talk.Length == 0
            ? InLaboratory([], [.. Command(action, options)])
            : InLaboratory(["--file", Talk()], ["talk", $"{GuestSeconds}", .. talk, "--", .. Command(action, options)]);

    private static string[] Command(string action, params string[] options) =>
    [
        "kvmsev", "run", "--kernel", $"/in/{Path.GetFileName(Laboratory.GuestImage("kernel"))}",
        "--initramfs", $"/in/{Path.GetFileName(Laboratory.GuestImage("initramfs"))}",
        "--cmdline", $"console=ttyS0 panic=-1 kvmsev.action={action}", "--memory", "256M", "--sev", "simulated",
        "--timeout", $"{GuestSeconds}s", "--result", "/out/result.json", .. options,
    ];

    private LabOutput InLaboratory(string[] labOptions, string[] command)
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        return Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", Laboratory.GuestImage("kernel"), "--file", Laboratory.GuestImage("initramfs"), .. labOptions,
                "--out", _folder, "--timeout", $"{GuestSeconds + 60}", "--", .. command,
            ],
            TimeSpan.FromSeconds(GuestSeconds + 120));
    }

    private string Talk() => Laboratory.Compile("talk", _folder);

    private string Serial() => File.ReadAllText(Path.Combine(_folder, "serial.log"));

    private JsonElement Result() => JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "result.json"))).RootElement;

    private string? StopReason() => Result().GetProperty("stop").GetProperty("reason").GetString();
}
