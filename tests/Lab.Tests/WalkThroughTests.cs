using System.Text;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Lab.Tests;

/// <summary>The walk-throughs in docs/, typed from the first command to the last on a host that can simulate SEV.</summary>
public sealed class WalkThroughTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-docs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("guest-owner.md", "kvmsev-guest: secret key sha256")]
    [InlineData("host-administrator.md", "Encryption map: mode simulated")]
    public void Commands_FromFirstToLast_Work(string document, string sight)
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        File.Copy(Laboratory.GuestImage("kernel"), Path.Combine(_folder, "vmlinuz"));
        File.Copy(Laboratory.GuestImage("initramfs"), Path.Combine(_folder, "initrd.img"));
        string script = Path.Combine(_folder, "typed.sh");
        File.WriteAllText(script, WriteScript(Path.Combine(Repository.Root, "docs", document)));

        LabOutput run = Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", Path.Combine(_folder, "vmlinuz"), "--file", Path.Combine(_folder, "initrd.img"), "--file", script,
                "--timeout", "560", "--", "sh", "/in/typed.sh",
            ],
            TimeSpan.FromSeconds(600));

        Assert.True(run.ExitCode == 0, $"{run.Output}\n{run.Error}");
        Assert.Contains(sight, run.Output, StringComparison.Ordinal);
    }

    // The first command that fails ends the script, and what was typed last is the last line that is seen.
    private static string WriteScript(string document)
    {
        StringBuilder script = new("set -e\ncd /tmp\nln -s /in/vmlinuz /in/initrd.img .\n");
        foreach (string command in WalkThrough.ReadCommands(document, withLaboratory: true))
        {
            script.Append("echo '$ ").Append(command.Replace("'", "'\\''", StringComparison.Ordinal)).Append("'\n")
                .Append(command).Append('\n');
        }

        return script.ToString();
    }
}
