using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>A host that takes a guest's devices away while it uses them: the guest is told, the monitor says so and goes on.</summary>
public sealed class HostFaultTests : IDisposable
{
    private const int GuestSeconds = 200;
    private const string InputOutputError = "Input/output error";
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-faults-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FaultsOfDisksTapAndVsock_AreTheGuestsToKnow_AndItEndsAsItWants()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string kernel = Laboratory.GuestImage("kernel");
        string initramfs = Laboratory.GuestImage("initramfs");
        string script = Path.Combine(Repository.Root, "tests", "Lab.Tests", "faults.sh");

        LabOutput run = Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", kernel, "--file", initramfs, "--file", script, "--file", Laboratory.Compile("vsock", _folder),
                "--out", _folder, "--timeout", $"{GuestSeconds + 60}", "--",
                "sh", "faults.sh", Path.GetFileName(kernel), Path.GetFileName(initramfs),
            ],
            TimeSpan.FromSeconds(GuestSeconds + 120));

        Assert.True(run.ExitCode == 0, $"{run.ExitCode}\n{run.Output}\n{run.Error}");
        string console = File.ReadAllText(Path.Combine(_folder, "console.log"));
        Assert.Equal("ok", Said(console, "write before:"));
        Assert.Equal("ok", Said(console, "ping before:"));
        Assert.Equal("1", Said(console, "carrier before"));
        Assert.Equal("0", Said(console, "carrier after"));
        Assert.NotEqual("ok", Said(console, "ping after:"));
        Assert.EndsWith(InputOutputError, Said(console, "read of the bad part:"), StringComparison.Ordinal);
        Assert.EndsWith(InputOutputError, Said(console, "write of the bad part:"), StringComparison.Ordinal);
        Assert.Equal("ok", Said(console, "write of the good part:"));
        Assert.Equal("ok", Said(console, "read of the good part:"));

        // The file system is full, so only what was written before is on the second disk.
        AssertSaid(console, "vdb", startWrite: "ok", farRead: "ok", farWrite: InputOutputError, startRead: "ok");

        // A removed image is open; one that was cut off has an end, until the guest writes behind it.
        AssertSaid(console, "vdc", startWrite: "ok", farRead: "ok", farWrite: "ok", startRead: "ok");
        AssertSaid(console, "vdd", startWrite: "ok", farRead: InputOutputError, farWrite: "ok", startRead: "ok");
        Assert.Matches("^[1-9][0-9]+, then: (Connection reset by peer|Broken pipe)$", Said(console, "vsock cut off:"));
        Assert.Equal($"{1 << 20}", Said(console, "vsock afterwards:"));
        Assert.Equal("vsock echoed 1048576 bytes, all the same", File.ReadAllText(Path.Combine(_folder, "vsock")).Trim());

        // The person at the terminal reads it too.
        Assert.Contains("disk0: a request of the guest (Read) failed on the host: EIO (5)", run.Error, StringComparison.Ordinal);
        Assert.Contains("disk0: a request of the guest (Flush) failed on the host: EIO (5)", run.Error, StringComparison.Ordinal);
        Assert.Contains("disk1: a request of the guest (Write) failed on the host: ENOSPC (28)", run.Error, StringComparison.Ordinal);
        Assert.Contains("disk3: a request of the guest (Read) failed on the host: EIO (5)", run.Error, StringComparison.Ordinal);
        Assert.Contains("net0: the host's side is gone, so the guest's link is down", run.Error, StringComparison.Ordinal);
        JsonElement result = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "result.json"))).RootElement;
        Assert.Equal("power-off", result.GetProperty("stop").GetProperty("reason").GetString());
        Assert.True(HostErrors(result, "disk0") > 1);
        Assert.True(HostErrors(result, "disk1") > 0);
        Assert.Equal(0, HostErrors(result, "disk2"));
        Assert.True(HostErrors(result, "disk3") > 0);
        foreach (JsonElement device in result.GetProperty("devices").EnumerateArray())
        {
            Assert.Equal(0, device.GetProperty("guardViolations").GetInt64() + device.GetProperty("protocolErrors").GetInt64());
        }
    }

    private static void AssertSaid(
        string console, string disk, string startWrite, string farRead, string farWrite, string startRead)
    {
        Assert.EndsWith(startWrite, Said(console, $"{disk}, start, write:"), StringComparison.Ordinal);
        Assert.EndsWith(farRead, Said(console, $"{disk}, far, read:"), StringComparison.Ordinal);
        Assert.EndsWith(farWrite, Said(console, $"{disk}, far, write:"), StringComparison.Ordinal);
        Assert.EndsWith(startRead, Said(console, $"{disk}, start, read:"), StringComparison.Ordinal);
    }

    private static long HostErrors(JsonElement result, string device) => result.GetProperty("devices").EnumerateArray()
        .Single(entry => entry.GetProperty("name").GetString() == device)
        .GetProperty("hostErrors").GetInt64();

    private static string Said(string console, string words)
    {
        string start = $"kvmsev-guest: {words} ";
        string? line = console.Split('\n').FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        Assert.True(line is not null, $"no line begins with '{start}' in:\n{console}");
        return line[start.Length..].TrimEnd('\r');
    }
}
