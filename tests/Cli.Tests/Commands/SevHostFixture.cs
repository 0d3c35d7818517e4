using System.Diagnostics;
using System.Text.Json;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Control;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// A machine with SEV for one command: the program that <c>KVMSEV_SEV_HOST</c> names, called as
/// <c>PROGRAM --sev|--sev-es [--c-bit-alias] [--cbit N] [--fail N:COMMAND:ERRNO[:STATUS]] --log FILE -- COMMAND…</c>. It answers the SEV
/// calls of the command, writes each as a line of JSON, and at the end one with the launch digest and what a real host would have punished.
/// </summary>
internal sealed class SevHostFixture : IDisposable
{
    private readonly TempDirectory _folder = new();

    /// <summary>The program.</summary>
    public static string Program
    {
        get
        {
            string? program = Environment.GetEnvironmentVariable("KVMSEV_SEV_HOST");
            Assert.SkipWhen(
                string.IsNullOrEmpty(program),
                "no simulated SEV host: KVMSEV_SEV_HOST does not name one (scripts/sev-host.sh builds it from ../shared/tools/sevhost)");
            Assert.SkipUnless(KvmHost.SkipReason is null, KvmHost.SkipReason ?? string.Empty);
            return program!;
        }
    }

    /// <summary>The monitor: the native program that <c>KVMSEV_TEST_PROGRAM</c> names, else the one beside the tests.</summary>
    public static string Monitor =>
        Environment.GetEnvironmentVariable("KVMSEV_TEST_PROGRAM") is { Length: > 0 } program
            ? program
            : Path.Combine(AppContext.BaseDirectory, "kvmsev");

    /// <summary>Runs a guest that writes 21 to the debug-exit port.</summary>
    /// <param name="host">Options of the program.</param>
    /// <param name="sev">The value of <c>--sev</c>.</param>
    /// <param name="more">Further options of <c>run</c>.</param>
    public async Task<SevHostRun> RunAsync(string host, string sev, params string[] more)
    {
        string folder = Directory.CreateDirectory(_folder.File(Guid.NewGuid().ToString("N"))).FullName;
        string kernel = Path.Combine(folder, "tiny.elf");
        WriteKernel(kernel);
        string log = Path.Combine(folder, "log.jsonl");
        string result = Path.Combine(folder, "result.json");
        string[] arguments =
        [
            .. host.Split(' '), "--scramble", "--quiet", "--log", log, "--",
            Monitor, "run", "--kernel", kernel, "--debug-exit", "0xf4", "--serial", "off",
            "--memory", "64M", "--sev", sev, "--timeout", "30s", "--result", result, .. more,
        ];
        using Process process = Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardError = true })!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        JsonElement[] lines = [.. (await File.ReadAllLinesAsync(log)).Select(static line => JsonDocument.Parse(line).RootElement.Clone())];
        return new SevHostRun(process.ExitCode, error, lines, JsonDocument.Parse(await File.ReadAllTextAsync(result)).RootElement.Clone());
    }

    /// <summary>Writes the kernel that <see cref="RunAsync"/> boots, or hands to its firmware.</summary>
    /// <param name="path">Where to.</param>
    /// <returns>The same path.</returns>
    public static string WriteKernel(string path)
    {
        File.WriteAllBytes(path, TinyKernel.Create(static c =>
        {
            c.mov(al, 21);
            c.@out(0xF4, al);
            c.hlt();
        }));
        return path;
    }

    /// <summary>Runs a command that makes no guest of its own.</summary>
    /// <param name="host">Options of the program; empty for a machine without SEV.</param>
    /// <param name="command">The command.</param>
    public async Task<SevHostCommand> ExecuteAsync(string host, params string[] command)
    {
        string log = _folder.File(Guid.NewGuid().ToString("N"));
        string[] arguments =
            [.. host.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--quiet", "--log", log, "--", .. command];
        using Process process = Process.Start(
            new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        JsonElement[] lines = [.. (await File.ReadAllLinesAsync(log)).Select(static line => JsonDocument.Parse(line).RootElement.Clone())];
        return new SevHostCommand(process.ExitCode, output, await error, lines);
    }

    /// <summary>Connects to the control socket of a machine that is starting.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="running">The machine.</param>
    public static async Task<ControlClient> ConnectAsync(string socket, Task<SevHostRun> running)
    {
        while (true)
        {
            try
            {
                return ControlClient.Connect(socket, TimeSpan.FromSeconds(30));
            }
            catch (IOException) when (!running.IsCompleted)
            {
                // Not there yet, or there and nobody listens yet.
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }

    public void Dispose() => _folder.Dispose();
}
