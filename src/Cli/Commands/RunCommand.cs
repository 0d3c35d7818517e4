using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>run</c>: boots a guest, waits for its end, writes what was seen.</summary>
internal static class RunCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<RunOptions>(
        "kvmsev run --kernel FILE [--initramfs FILE] [--cmdline TEXT] [OPTIONS]",
        """
        Output files are opened before the guest starts and appear whole when it has
        ended, also after a failure; '-' is the standard output. --metrics-file is
        replaced whole, each --metrics-interval and at the end. With --json the result
        goes to stdout, and with --serial tty the guest's console to stderr.

        --sev simulated lets a C-bit alias stand in for SEV hardware: the guest kernel
        behaves as a SEV guest, but nothing is encrypted and nothing is confidential.
        Its launch is that of hardware, over a software model of AMD's firmware.

        --console tty gives the terminal to a virtio console; boot Linux with
        console=hvc0 (and the module virtio_console, where it is one).

        With --wait-for-owner the launch stops when it is measured: the measurement is
        printed, and the guest's owner may send a secret through the control socket
        ('kvmsev secret inject') and lets the guest run. --timeout bounds the wait too.

        Exit codes: 0 powered off, --until matched, --launch-only done, or QMP quit;
        32 reset; 33 crash; 34 panic; 36 --timeout; 37 SEV termination;
        (V << 1 | 1) & 0xff for V at --debug-exit; 64 usage; 65 bad input;
        66 no such file; 69 the host lacks a feature; 70 bug; 74 I/O error;
        77 permission denied; 130 SIGINT; 143 SIGTERM or SIGHUP.
        """,
        [
            new VerbExample(
                "Boot as a simulated SEV guest and keep the map:",
                "run", "--kernel", "vmlinuz", "--initramfs", "initrd.img", "--cmdline", "console=ttyS0",
                "--sev", "simulated", "--map-out", "map.json"),
            new VerbExample(
                "A test run: stop at a line of the console, and after two minutes anyway:",
                "run", "--kernel", "vmlinuz", "--initramfs", "initrd.img", "--cmdline", "console=ttyS0 panic=-1",
                "--memory", "1G", "--sev", "simulated,cbitpos=39", "--until", "login:", "--timeout", "120s",
                "--event-log", "events.jsonl", "--result", "result.json", "--serial", "file=console.log"),
            new VerbExample(
                "Let the guest's owner see the measurement and send a secret first:",
                "run", "--kernel", "vmlinuz", "--initramfs", "initrd.img", "--cmdline", "console=ttyS0", "--secret-page",
                "--sev", "simulated,dh-cert-file=godh.b64,session-file=session.b64,model=m",
                "--api-socket", "guest.sock", "--wait-for-owner", "--launch-bundle", "launch.json"),
            new VerbExample(
                "Drive it by its control socket, and watch it with Prometheus:",
                "run", "--kernel", "vmlinuz", "--initramfs", "initrd.img", "--cmdline", "console=ttyS0", "--sev", "simulated",
                "--api-socket", "guest.sock", "--metrics-file", "guest.prom"),
            new VerbExample(
                "See what would be run, without running it:",
                "run", "--kernel", "vmlinuz", "--sev", "simulated", "--dry-run"),
        ],
        Execute);

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    private static int Execute(RunOptions options, CliContext context)
    {
        VmConfig config = options.ToConfig();
        SerialTarget serial = options.SerialTarget;
        SerialTarget console = options.ConsoleTarget;
        if (config.Boot.KernelPath is string kernel)
        {
            FileKind.OpenInput("--kernel", kernel).Dispose();
        }

        if (config.Boot.FirmwarePath is string firmware)
        {
            FileKind.OpenInput("--firmware", firmware).Dispose();
        }

        if (config.Boot.InitramfsPath is string initramfs)
        {
            FileKind.OpenInput("--initramfs", initramfs).Dispose();
        }

        if (options.DryRun)
        {
            // Opening an output without committing it leaves nothing behind; a serial file would be emptied, so it is not opened.
            RunFiles.Open(options, serial with { Path = null }, console with { Path = null }, context.Output).Dispose();
            RunPlan.For(config, serial, console, options).Write(context.Output);
            return ExitCode.Success;
        }

        // Before the first file is opened and until the last is written: a signal in between leaves nothing half done.
        StopRelay stop = new();
        using PosixSignalRegistration interrupt = Relay(PosixSignal.SIGINT, stop, StopReason.Interrupted);
        using PosixSignalRegistration terminate = Relay(PosixSignal.SIGTERM, stop, StopReason.Terminated);
        using PosixSignalRegistration hangUp = Relay(PosixSignal.SIGHUP, stop, StopReason.Terminated);
        using RunFiles files = RunFiles.Open(options, serial, console, context.Output);
        VmResult result = RunMachine(config, serial, console, files, stop, options, context);
        result = WriteFiles(result, files, context);
        int exitCode = ExitCodeOf(result);
        if (options.Json)
        {
            VmResultWriter.Write(result, exitCode, context.Output);
        }

        if (result.Failure is not null)
        {
            // Program.cs turns it into words and an exit code.
            ExceptionDispatchInfo.Throw(result.Failure);
        }

        WriteSummary(result, exitCode, options, context);
        return exitCode;
    }

    private static VmResult RunMachine(
        VmConfig config,
        SerialTarget serial,
        SerialTarget console,
        RunFiles files,
        StopRelay stop,
        RunOptions options,
        CliContext context)
    {
        Stream terminal = options.Json ? context.ErrorBytes : context.Output;
        TimeSpan start = Stopwatch.GetElapsedTime(context.StartTimestamp);
        try
        {
            IMachineRunner runner = context.MachineRunner ?? throw new InvalidOperationException("this build of kvmsev has no machine.");
            bool isTerminal = serial.Kind == SerialKind.Tty || console.Kind == SerialKind.Tty;
            using IDisposable? rawTerminal = isTerminal && !config.WaitsForOwner ? context.EnterRawTerminal() : null;
            RunOutputs outputs = new(
                files.EventLog?.Stream,
                serial,
                OutputOf(serial, terminal, files.Serial),
                stop,
                context.StartTimestamp,
                context.StartedAt,
                context.Log)
            {
                Console = console,
                ConsoleOutput = OutputOf(console, terminal, files.Console),
                ReadTerminalSize = context.ReadTerminalSize,
                DebugConsole = files.DebugConsole,
                Metrics = files.Metrics,
                TakeBundle = files.LaunchBundle is OutputFile file
                    ? bundle => file.WriteAll(stream => LaunchBundleWriter.Write(bundle, stream))
                    : null,
                TakeSnpBundle = files.LaunchBundle is OutputFile snpFile
                    ? bundle => snpFile.WriteAll(stream => LaunchBundleWriter.Write(bundle, stream))
                    : null,
                EnterRawTerminal = isTerminal && config.WaitsForOwner ? context.EnterRawTerminal : null,
            };
            return runner.Run(config, outputs);
        }
        catch (Exception error)
        {
            // The files are written all the same: whoever reads them learns why there is nothing in them.
            return new VmResult
            {
                Mode = config.Sev.Mode,
                CBitPosition = config.Sev.CBitPosition,
                Reason = StopReason.None,
                Failure = error,
                Times = new VmTimes
                {
                    StartedAt = context.StartedAt,
                    Start = start,
                    End = Stopwatch.GetElapsedTime(context.StartTimestamp),
                },
                GuestMemoryBytes = config.MemoryBytes,
            };
        }
    }

    private static Stream? OutputOf(SerialTarget target, Stream terminal, FileStream? file) => target.Kind switch
    {
        SerialKind.Tty => terminal,
        SerialKind.File => file,
        _ => null,
    };

    private static PosixSignalRegistration Relay(PosixSignal signal, StopRelay stop, StopReason reason) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            stop.Request(reason);
        });

    // Each file is written although another failed; the first failure is the one that counts, and the result, written last, tells of it.
    private static VmResult WriteFiles(VmResult result, RunFiles files, CliContext context)
    {
        Attempt(() => files.EventLog?.Commit());
        Attempt(() => files.Metrics?.ThrowIfFailed());
        if (result.Map is SharedRegionMap map)
        {
            Attempt(() => files.Map?.WriteAll(stream => SharedRegionMapJson.Write(map, stream)));
        }

        Attempt(() => files.Result?.WriteAll(stream => VmResultWriter.Write(result, ExitCodeOf(result), stream)));
        return result;

        void Attempt(Action write)
        {
            try
            {
                write();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                if (result.Failure is not null)
                {
                    context.Log.Error("{Problem}", error.Message);
                }
                else
                {
                    result = result with { Failure = error };
                }
            }
        }
    }

    private static int ExitCodeOf(VmResult result) =>
        result.Failure is Exception failure ? ErrorReport.For(failure).ExitCode : StopReasonExitCode.For(result);

    private static void WriteSummary(VmResult result, int exitCode, RunOptions options, CliContext context)
    {
        if (options.Quiet && exitCode == ExitCode.Success)
        {
            return;
        }

        foreach (string reportLine in result.CrashReport?.Split('\n') ?? [])
        {
            context.Error.WriteLine($"kvmsev: {OneLine.Clean(reportLine)}");
        }

        StringBuilder line = new(StopReasonWords.PhraseFor(result.Reason));
        if (result.GuestCode is ulong code)
        {
            line.Append(Invariant, $" (code 0x{code:x})");
        }

        if (result.Detail is string detail)
        {
            line.Append(Invariant, $" ({detail})");
        }

        line.Append(Invariant, $" after {(result.Times.End - result.Times.Start).TotalSeconds:0.0} s");
        line.Append(Invariant, $"; hypercalls: {result.Hypercalls.Accepted} accepted, {result.Hypercalls.Rejected} rejected");
        if (result.Map is SharedRegionMap map)
        {
            PageTotals totals = map.Totals;
            line.Append(
                Invariant, $"; pages: {totals.PrivatePages} private, {totals.SharedPages} shared, {totals.UnreportedPages} unreported");
        }

        context.Error.WriteLine($"kvmsev: {OneLine.Clean(line.ToString())}");
        if (result.LaunchMeasurement is ReadOnlyMemory<byte> measurement)
        {
            string digest = result.LaunchDigest is ReadOnlyMemory<byte> known
                ? $"; launch digest {Convert.ToHexStringLower(known.Span)}"
                : string.Empty;
            string of = result.Mode == SevMode.Simulated ? "simulated launch measurement" : "launch measurement";
            context.Error.WriteLine($"kvmsev: {of} {Convert.ToBase64String(measurement.Span)}{digest}");
        }

        else if (result.LaunchDigest is ReadOnlyMemory<byte> snpDigest)
        {
            string of = result.Mode == SevMode.Simulated ? "simulated SEV-SNP launch digest" : "SEV-SNP launch digest";
            context.Error.WriteLine($"kvmsev: {of} {Convert.ToHexStringLower(snpDigest.Span)}");
        }

        if (result.Mode == SevMode.Simulated)
        {
            context.Error.WriteLine($"kvmsev: protection: {SevModeWords.ProtectionFor(result.Mode)}");
        }
    }
}
