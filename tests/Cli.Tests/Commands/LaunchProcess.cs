using System.Diagnostics;
using System.Text.Json;
using KvmSevVmm.TestSupport;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary><c>kvmsev run --sev simulated --launch-only</c> as a process of its own, with files in a directory of its own.</summary>
internal sealed class LaunchProcess : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly TempDirectory _folder = new();
    private Process? _process;

    internal LaunchProcess()
    {
        Assert.SkipUnless(KvmHost.SkipReason is null, KvmHost.SkipReason ?? string.Empty);
        File.WriteAllBytes(Path("tiny.elf"), TinyKernel.Create(static code => code.mov(al, 0)));
        File.WriteAllBytes(Path("initrd"), [1, 2, 3]);
    }

    internal static string Executable { get; } =
        Environment.GetEnvironmentVariable("KVMSEV_EXECUTABLE") ?? System.IO.Path.Combine(AppContext.BaseDirectory, "kvmsev");

    internal string Socket => Path("socket");

    internal string[] Names => _folder.Names;

    internal string Path(string name) => _folder.File(name);

    internal JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Path(name))).RootElement.Clone();

    /// <summary>Starts it.</summary>
    /// <param name="sev">The value of <c>--sev</c>.</param>
    /// <param name="more">Further options.</param>
    internal void Start(string sev, params string[] more) => _process = Process.Start(new ProcessStartInfo(
        Executable,
        [
            "run", "--kernel", Path("tiny.elf"), "--initramfs", Path("initrd"), "--cmdline", "a b", "--serial", "off", "--memory", "64M",
            "--sev", sev, "--launch-only", "--result", Path("result.json"), .. more,
        ])
    {
        RedirectStandardError = true,
    })!;

    /// <summary>Starts it so that it waits for its owner, and waits until it does.</summary>
    internal void StartWaiting(string sev, params string[] more)
    {
        Start(sev, ["--api-socket", Socket, "--wait-for-owner", .. more]);
        string? line;
        do
        {
            line = _process!.StandardError.ReadLine();
            Assert.NotNull(line);
        }
        while (!line.Contains("waiting for the owner", StringComparison.Ordinal));
    }

    /// <summary>Sends it a signal.</summary>
    internal void Signal(Mono.Unix.Native.Signum signal) => Assert.Equal(0, Mono.Unix.Native.Syscall.kill(_process!.Id, signal));

    /// <summary>Waits for its end.</summary>
    /// <returns>Exit code and the rest of stderr.</returns>
    internal (int ExitCode, string Error) Wait()
    {
        string error = _process!.StandardError.ReadToEnd();
        Assert.True(_process.WaitForExit(Deadline));
        return (_process.ExitCode, error);
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }

        _process?.Dispose();
        _folder.Dispose();
    }
}
