using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Metrics;
using Serilog;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Writes a machine's metrics now and then while its guest runs, on a thread of its own, and once more at the end.</summary>
internal sealed class MetricsWriter : IDisposable
{
    /// <summary>How long a file system that hangs may hold up the end.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly MetricsFile _file;
    private readonly IRunningMachine _machine;
    private readonly ILogger _log;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;

    /// <summary>Begins to write.</summary>
    /// <param name="file">The file.</param>
    /// <param name="machine">The machine; outlives this object.</param>
    /// <param name="log">Told when the file can be written no more, and when it can again.</param>
    internal MetricsWriter(MetricsFile file, IRunningMachine machine, ILogger log)
    {
        _file = file;
        _machine = machine;
        _log = log;
        _thread = new Thread(Run) { Name = "metrics", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Writes what the machine has come to, and ends.</summary>
    public void Dispose()
    {
        _end.Set();
        if (_thread.Join(EndLimit))
        {
            _end.Dispose();
        }
        else
        {
            _log.Warning("The metrics file is not written to its end: its file system does not answer");
        }
    }

    private void Run()
    {
        ThreadName.SetCurrent("metrics");
        bool isLast;
        do
        {
            Write(hasEnded: false);
            isLast = _end.Wait(_file.Interval);
        }
        while (!isLast);

        Write(hasEnded: true);
    }

    private void Write(bool hasEnded)
    {
        bool failedBefore = _file.Failure is not null;
        _file.Write(MachineMetrics.Of(_machine.Observe(), hasEnded));
        if (_file.Failure is { } failure && !failedBefore)
        {
            _log.Warning("{Problem}; the guest goes on", failure.Message);
        }
        else if (_file.Failure is null && failedBefore)
        {
            _log.Information("The metrics file can be written again");
        }
    }
}
