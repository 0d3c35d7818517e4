using System.Text.Json;
using KvmSevVmm.Lab.Tests;

[assembly: AssemblyFixture(typeof(DevicesFixture))]

namespace KvmSevVmm.Lab.Tests;

/// <summary>The large run of an unmodified Debian kernel, as a simulated SEV guest, that uses its virtio devices.</summary>
public sealed class DevicesFixture : IDisposable
{
    /// <summary>MiB that go to the disk and back, and each way by TCP.</summary>
    public const int MiB = 64;

    /// <summary>Prepares the run; it happens when the first test asks.</summary>
    public DevicesFixture()
    {
        Run = new DevicesRun(vcpuCount: 1, MiB);
    }

    /// <summary>The run.</summary>
    internal DevicesRun Run { get; }

    /// <inheritdoc/>
    public void Dispose() => Run.Dispose();
}

/// <summary>One run of a guest that uses its virtio devices.</summary>
internal sealed class DevicesRun : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-devices-").FullName;
    private readonly Lazy<LabOutput> _run;

    /// <summary>Prepares the run; it happens when the first test asks.</summary>
    /// <param name="vcpuCount">The guest's processors.</param>
    /// <param name="mib">MiB that go to the disk and back, and each way by TCP.</param>
    internal DevicesRun(int vcpuCount, int mib)
    {
        _run = new Lazy<LabOutput>(() => Boot(vcpuCount, mib));
    }

    /// <summary>What the guest wrote to its console.</summary>
    internal string Console => Read("console.log");

    /// <summary>The result file.</summary>
    internal JsonElement Result => JsonDocument.Parse(Read("result.json")).RootElement;

    /// <summary>What devices.sh says of something on the host's side; of a file it is the SHA-256 in lower-case hex.</summary>
    /// <param name="words">The file's name, or other words.</param>
    internal string HostSaid(string words) => Find(Read("summary"), $"{words} ");

    /// <summary>What the guest said behind a few words.</summary>
    /// <param name="words">The words.</param>
    internal string Said(string words) => Find(Console, $"kvmsev-guest: {words} ");

    /// <summary>What is known of one device.</summary>
    /// <param name="name">Its name.</param>
    internal JsonElement Device(string name) =>
        Result.GetProperty("devices").EnumerateArray().Single(device => device.GetProperty("name").GetString() == name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Find(string text, string start)
    {
        string? line = text.Split('\n').FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        Assert.True(line is not null, $"no line begins with '{start}' in:\n{text}");
        return line[start.Length..].TrimEnd('\r');
    }

    private string Read(string name)
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        LabOutput run = _run.Value;
        string path = Path.Combine(_folder, name);
        Assert.True(File.Exists(path), $"the laboratory left no {name}: exit code {run.ExitCode}\n{run.Output}\n{run.Error}");
        return File.ReadAllText(path);
    }

    private LabOutput Boot(int vcpuCount, int mib)
    {
        string kernel = Laboratory.GuestImage("kernel");
        string initramfs = Laboratory.GuestImage("initramfs");
        string script = Path.Combine(Repository.Root, "tests", "Lab.Tests", "devices.sh");
        string vsock = Laboratory.Compile("vsock", _folder);
        string[] arguments =
        [
            "--file", kernel, "--file", initramfs, "--file", vsock, "--file", script, "--out", _folder, "--timeout", "900",
            "--", "sh", "devices.sh", Path.GetFileName(kernel), Path.GetFileName(initramfs), $"{vcpuCount}", $"{mib}",
        ];
        return Laboratory.Run("scripts/lab.sh", arguments, TimeSpan.FromSeconds(950));
    }
}
