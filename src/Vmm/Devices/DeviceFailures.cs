using Serilog;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>Takes what ends a device's thread, and with it the machine: a bug of ours, or a kernel that refuses what it promised.</summary>
public sealed class DeviceFailures
{
    private readonly IMachineControl _machine;
    private readonly ILogger _log;
    private Exception? _first;

    /// <summary>Makes the place.</summary>
    /// <param name="machine">Asked to stop.</param>
    /// <param name="log">Gets the first failure.</param>
    public DeviceFailures(IMachineControl machine, ILogger log)
    {
        _machine = machine;
        _log = log;
    }

    /// <summary>The first failure, or null.</summary>
    public Exception? First => Volatile.Read(ref _first);

    /// <summary>Reports a failure. From any thread.</summary>
    /// <param name="failure">What happened.</param>
    public void Report(Exception failure)
    {
        if (Interlocked.CompareExchange(ref _first, failure, null) is null)
        {
            _log.Error(failure, "A device failed");
            _machine.RequestStop(StopReason.MonitorError);
        }
    }
}
