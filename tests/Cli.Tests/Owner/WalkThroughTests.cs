using System.Diagnostics;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>
/// The walk-throughs in docs/, typed into a shell as they stand: all that needs neither a guest nor an EPYC. The rest runs in the
/// laboratory.
/// </summary>
public sealed class WalkThroughTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("guest-owner.md")]
    [InlineData("host-administrator.md")]
    public async Task Commands_WorkAsTheyStand(string document)
    {
        using TempDirectory directory = new();
        IReadOnlyList<string> commands = WalkThrough.ReadCommands(Path.Combine(Repository(), "docs", document), withLaboratory: false);
        Assert.True(commands.Count >= 5, $"only {commands.Count} commands were found");
        File.WriteAllBytes(directory.File("vmlinuz"), TinyKernel.Create([0xF4]));
        File.WriteAllBytes(directory.File("initrd.img"), new byte[4096]);
        string executable = Environment.GetEnvironmentVariable("KVMSEV_EXECUTABLE") ?? Path.Combine(AppContext.BaseDirectory, "kvmsev");
        File.CreateSymbolicLink(directory.File("kvmsev"), executable);

        foreach (string command in commands)
        {
            using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", command])
            {
                WorkingDirectory = directory.Root,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["PATH"] = $"{directory.Root}:{Environment.GetEnvironmentVariable("PATH")}" },
            })!;
            using CancellationTokenSource deadline = new(Deadline);
            Task<string> output = shell.StandardOutput.ReadToEndAsync(deadline.Token);
            Task<string> error = shell.StandardError.ReadToEndAsync(deadline.Token);
            await shell.WaitForExitAsync(deadline.Token);
            Assert.True(shell.ExitCode == 0, $"$ {command}\nexit code {shell.ExitCode}\n{await output}{await error}");
            Assert.False(command.Contains("--model", StringComparison.Ordinal)
                && !(await output + await error).Contains("simulated", StringComparison.Ordinal), $"$ {command}\ndoes not say 'simulated'");
        }
    }

    private static string Repository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KvmSevVmm.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The tests do not lie in the repository.");
    }
}
