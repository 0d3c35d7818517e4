using System.Diagnostics;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Runs guests on a real machine: the builder, the machine, and the translation of its outcome.</summary>
internal sealed class MachineRunner : IMachineRunner
{
    /// <inheritdoc/>
    public VmResult Run(VmConfig config, RunOutputs outputs)
    {
        TimeSpan start = Stopwatch.GetElapsedTime(outputs.StartTimestamp);
        using StandardInputSource? input = outputs.Serial.Kind == SerialKind.Tty ? new StandardInputSource() : null;
        var io = new MachineIo(outputs.SerialOutput ?? Stream.Null, input, System.Console.Error, outputs.EventLog, outputs.StartTimestamp, outputs.DebugConsole);
        using VirtualMachine machine = VirtualMachineBuilder.Build(config, io, outputs.Log);
        outputs.Stop.Attach(machine);
        try
        {
            MachineOutcome outcome = machine.Run();
            if (outputs.Serial.Kind == SerialKind.File && outcome.ConsoleFailure is { } failure)
            {
                // A file that the user asked for is not whole; a reader of stdout that has gone is that reader's business.
                outcome = outcome with { Failure = outcome.Failure ?? failure };
            }

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
        finally
        {
            outputs.Stop.Detach();
        }
    }

    private static TimeSpan? Since(RunOutputs outputs, long timestamp) =>
        timestamp == 0 ? null : Stopwatch.GetElapsedTime(outputs.StartTimestamp, timestamp);
}
