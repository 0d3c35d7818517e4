using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>A disk image with a Debian root file system, from boot to login to power-off, as a simulated SEV guest.</summary>
public sealed class DiskImageTests : IDisposable
{
    private const int NoPackages = 69;
    private const int GuestSeconds = 240;
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-disk-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>By the virtio console, on a terminal: a person's way in.</summary>
    [Fact]
    public void Debian_BootsFromItsDisk_ToALoginOnHvc0_AndPowersItselfOff()
    {
        string image = MakeImage();
        string kernel = Laboratory.GuestImage("kernel");
        string initramfs = Laboratory.GuestImage("initramfs");
        string[] commands =
        [
            "dmesg -n 1", "tty", "stty size", "findmnt -n -o FSTYPE,SOURCE /",
            "dpkg-query -W -f '${Package} is here\\n' sysvinit-core", "poweroff",
        ];

        LabOutput run = Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", kernel, "--file", initramfs, "--file", image, "--file", Laboratory.Compile("talk", _folder),
                "--out", _folder, "--timeout", $"{GuestSeconds + 30}", "--",
                "talk", $"{GuestSeconds}", "debian login: ", @"root\r", ":~# ", string.Join("; ", commands) + @"\r", "--",
                "kvmsev", "run", "--kernel", $"/in/{Path.GetFileName(kernel)}", "--initramfs", $"/in/{Path.GetFileName(initramfs)}",
                "--cmdline", "console=ttyS0 console=hvc0 panic=-1 kvmsev.action=root", "--memory", "256M", "--sev", "simulated",
                "--disk", Path.GetFileName(image), "--console", "tty", "--serial", "file=/out/serial.log",
                "--result", "/out/result.json",
            ],
            TimeSpan.FromSeconds(GuestSeconds + 60));

        string all = $"{run.ExitCode}\n{run.Output}\n{run.Error}";
        Assert.True(run.ExitCode == 0, all);
        Assert.True(run.Output.Contains("Debian GNU/Linux", StringComparison.Ordinal), all);
        foreach (string line in (string[])["/dev/console", "43 132", "ext4   /dev/vda", "sysvinit-core is here"])
        {
            Assert.True(run.Output.Contains($"{line}\r", StringComparison.Ordinal), $"no line '{line}' in {all}");
        }

        string serial = File.ReadAllText(Path.Combine(_folder, "serial.log"));
        Assert.Contains("Memory Encryption Features active: AMD SEV", serial, StringComparison.Ordinal);
        JsonElement result = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "result.json"))).RootElement;
        Assert.Equal("power-off", result.GetProperty("stop").GetProperty("reason").GetString());
        foreach (JsonElement device in result.GetProperty("devices").EnumerateArray())
        {
            Assert.True(device.GetProperty("requests").GetInt64() > 0, device.ToString());
            Assert.Equal(0, device.GetProperty("guardViolations").GetInt64() + device.GetProperty("protocolErrors").GetInt64());
        }
    }

    private string MakeImage()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string image = Path.Combine(_folder, "debian.img");
        LabOutput made = Laboratory.Run("scripts/disk-image.sh", [image], TimeSpan.FromSeconds(300));
        Assert.SkipWhen(made.ExitCode == NoPackages, $"Debian's packages cannot be had: {made.Error}");
        Assert.True(made.ExitCode == 0, made.Error);
        return image;
    }
}
