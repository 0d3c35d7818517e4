using System.Diagnostics;
using KvmSevVmm.Cli.Tests.Commands;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.Cli.Tests.Control;

/// <summary>Clients that nobody here wrote, on the control socket of a machine that runs.</summary>
public sealed class QmpClientTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly TempDirectory _folder = new();

    private string Socket => _folder.File("socket");

    public void Dispose() => _folder.Dispose();

    [KvmFact]
    public void Ganeti_NegotiatesAsksStopsAndEndsTheMachine()
    {
        string? library = Environment.GetEnvironmentVariable("KVMSEV_QMP_CLIENT");
        Assert.SkipWhen(string.IsNullOrEmpty(library), "no QMP client: KVMSEV_QMP_CLIENT names none (scripts/qmp-client.sh fetches one)");
        using Process machine = StartMachine();

        ProcessStartInfo start = new("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "Control", "qmp_client.py"), Socket]);
        start.Environment["PYTHONPATH"] = library;
        (int exitCode, string output, string error) = Run(start);

        Assert.True(exitCode == 0, error);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^\[\d+, \d+, \d+\]$", lines[0]);
        Assert.StartsWith("\"kvmsev ", lines[1], StringComparison.Ordinal);
        Assert.Equal(
            [
                """{"running": true, "status": "running"}""",
                """{"running": false, "status": "paused"}""",
                """{"running": true, "status": "running"}""",
                "[0, 1]",
                "false",
                "\"Instance does not support the 'device_add' QMP command.\"",
                "\"kvm: error executing the x-kvmsev-query-page command: Parameter 'gpa' expects an address: a number, or a text such as "
                + "\\\"0x1f000\\\" (GenericError):\"",
                "\"unreported\"",
            ],
            lines[2..]);
        Assert.True(machine.WaitForExit(Deadline), "quit does not end the machine");
        Assert.Equal(0, machine.ExitCode);
        Assert.False(File.Exists(Socket));
    }

    [KvmFact]
    public void Socat_SendsAPipelineAndReadsEveryAnswer()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/socat"), "socat is not installed");
        using Process machine = StartMachine();

        ProcessStartInfo start = new(
            "/bin/sh",
            [
                "-c",
                """
                { printf '{"execute":"qmp_capabilities"}\n{"execute":"query-status","id":7}\n{"execute":"quit","id":8}\n'; sleep 2; } \
                  | socat -t 10 - UNIX-CONNECT:"$1"
                """,
                "sh", Socket,
            ]);
        (int exitCode, string output, string error) = Run(start);

        Assert.True(exitCode == 0, error);
        Assert.Contains("""{"return":{"status":"running","running":true},"id":7}""", output, StringComparison.Ordinal);
        Assert.Contains("""{"return":{},"id":8}""", output, StringComparison.Ordinal);
        Assert.Contains("\"event\":\"SHUTDOWN\"", output, StringComparison.Ordinal);
        Assert.True(machine.WaitForExit(Deadline), "quit does not end the machine");
    }

    private static (int ExitCode, string Output, string Error) Run(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Deadline))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{start.FileName} does not end");
        }

        return (process.ExitCode, output.Result, error.Result);
    }

    /// <summary>A machine of two vCPUs whose guest spins, for a minute at most; its socket is there.</summary>
    private Process StartMachine()
    {
        string kernel = _folder.File("spin.elf");
        File.WriteAllBytes(kernel, TinyKernel.Create(static c =>
        {
            Iced.Intel.Label again = c.CreateLabel();
            c.Label(ref again);
            c.nop();
            c.jmp(again);
        }));
        Process machine = Process.Start(new ProcessStartInfo(
            SevHostFixture.Monitor,
            [
                "run", "--kernel", kernel, "--memory", "64M", "--cpus", "2", "--serial", "off", "--quiet", "--timeout", "60s",
                "--api-socket", Socket,
            ]))!;
        Assert.True(SpinWait.SpinUntil(() => machine.HasExited || Runs(), Deadline), "the guest does not run");
        return machine;
    }

    private bool Runs()
    {
        try
        {
            using ControlClient client = ControlClient.Connect(Socket, Deadline);
            return client.Execute("query-status").GetProperty("running").GetBoolean();
        }
        catch (IOException)
        {
            // Not there yet, or there and nobody listens yet.
            return false;
        }
    }
}
