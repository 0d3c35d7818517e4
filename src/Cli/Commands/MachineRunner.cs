using System.Diagnostics;
using System.Runtime.InteropServices;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Runs guests on a real machine: the control socket, the builder, the machine, and the translation of its outcome.</summary>
internal sealed class MachineRunner : IMachineRunner
{
    /// <inheritdoc/>
    public VmResult Run(VmConfig config, RunOutputs outputs)
    {
        TimeSpan start = Stopwatch.GetElapsedTime(outputs.StartTimestamp);
        using StopSignal stop = new();
        outputs.Stop.Attach(stop);
        try
        {
            using ControlledMachine control = new(stop)
            {
                Mode = config.Sev.Mode,
                IsSnp = config.Sev.Mode != SevMode.None && config.Sev.Kind == SevGuestKind.SevSnp,
                WaitsForOwner = config.WaitsForOwner,
                Patience = config.Timeout,
                Announce = launch => AnnounceWaiting(launch, config.ApiSocketPath),
            };
            using ControlServer? server = config.ApiSocketPath is string path
                ? ControlServer.Start(path, control, outputs.Log)
                : null;
            try
            {
                return Run(config, outputs, control, stop, start);
            }
            finally
            {
                // After an exception, in Build say, clients are told of the end too. After any other end this changes nothing.
                control.End(StopReason.MonitorError);
            }
        }
        finally
        {
            outputs.Stop.Detach();
        }
    }

    private static VmResult Run(VmConfig config, RunOutputs outputs, ControlledMachine control, StopSignal stop, TimeSpan start)
    {
        bool hasConsoleTerminal = outputs.Console.Kind == SerialKind.Tty;
        using StandardInputSource? input =
            hasConsoleTerminal || outputs.Serial.Kind == SerialKind.Tty ? new StandardInputSource() : null;
        var io = new MachineIo(
            outputs.SerialOutput ?? Stream.Null, input, System.Console.Error, outputs.EventLog, outputs.StartTimestamp)
        {
            DebugConsole = outputs.DebugConsole,
            VirtioConsole = outputs.ConsoleOutput ?? Stream.Null,
            IsInputForVirtioConsole = hasConsoleTerminal,
            VirtioConsoleSize = hasConsoleTerminal ? outputs.ReadTerminalSize() : null,
            Stop = stop,
            Launch = new LaunchWatcher(outputs.TakeBundle, control) { TakeSnpBundle = outputs.TakeSnpBundle },
        };
        try
        {
            using VirtualMachine machine = VirtualMachineBuilder.Build(config, io, outputs.Log);
            using PosixSignalRegistration? resize = io.VirtioConsoleSize is null ? null : FollowTerminalSize(machine, outputs);
            using IDisposable? rawTerminal = outputs.EnterRawTerminal?.Invoke();
            // A guest that is only launched never runs: no RESUME, and nothing to ask it.
            if (!config.IsLaunchOnly)
            {
                control.Attach(machine);
            }

            MachineOutcome outcome;
            using (outputs.Metrics is { } metrics ? new MetricsWriter(metrics, machine, outputs.Log) : null)
            {
                outcome = Run(machine, control);
            }

            // A file that the user asked for is not whole; a reader of stdout that has gone is that reader's business.
            Exception? fileFailure = (outputs.Serial.Kind == SerialKind.File ? outcome.ConsoleFailure : null)
                ?? (outputs.Console.Kind == SerialKind.File ? outcome.VirtioConsoleFailure : null);
            outcome = outcome with { Failure = outcome.Failure ?? fileFailure };

            return machine.Describe(outcome, new VmTimes
            {
                StartedAt = outputs.StartedAt,
                Start = start,
                FirstRun = Since(outputs, outcome.FirstRunTimestamp),
                FirstConsoleByte = Since(outputs, outcome.FirstConsoleByteTimestamp),
                UntilMatched = Since(outputs, outcome.UntilMatchedTimestamp),
                End = Stopwatch.GetElapsedTime(outputs.StartTimestamp, outcome.EndedTimestamp),
            });
        }
        catch (LaunchStoppedException stopped)
        {
            control.End(stopped.Reason);

            // Taken down already: the guest never ran, and that is no failure.
            return new VmResult
            {
                Mode = config.Sev.Mode,
                CBitPosition = config.Sev.CBitPosition,
                Reason = stopped.Reason,
                Detail = "while the launch waited for the guest's owner",
                Times = new VmTimes
                {
                    StartedAt = outputs.StartedAt,
                    Start = start,
                    End = Stopwatch.GetElapsedTime(outputs.StartTimestamp),
                },
                GuestMemoryBytes = config.MemoryBytes,
                LaunchMeasurement = control.Launch is { } measured
                    ? measured.Result.Measurement.Bytes.ToArray()
                    : default(ReadOnlyMemory<byte>?),
                LaunchDigest = control.Launch?.Result.LaunchDigest,
            };
        }
    }

    private static MachineOutcome Run(VirtualMachine machine, ControlledMachine control)
    {
        StopReason reason = StopReason.MonitorError;
        try
        {
            MachineOutcome outcome = machine.Run();
            reason = outcome.Reason;
            return outcome;
        }
        finally
        {
            control.End(reason);
        }
    }

    private static PosixSignalRegistration FollowTerminalSize(VirtualMachine machine, RunOutputs outputs) =>
        PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ =>
        {
            if (outputs.ReadTerminalSize() is (ushort columns, ushort rows))
            {
                machine.ResizeVirtioConsole(columns, rows);
            }
        });

    // The owner's side is a person or a script that reads stderr; --quiet does not silence what somebody must act on.
    private static void AnnounceWaiting(MeasuredLaunch launch, string? socket) => System.Console.Error.WriteLine(
        $"kvmsev: {(launch.IsSimulated ? "simulated " : string.Empty)}launch measurement {launch.Result.Measurement}; "
        + $"waiting for the owner at {OneLine.Clean(socket ?? "no socket")}");

    private static TimeSpan? Since(RunOutputs outputs, long timestamp) =>
        timestamp == 0 ? null : Stopwatch.GetElapsedTime(outputs.StartTimestamp, timestamp);
}
