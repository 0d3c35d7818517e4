using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Passes requests to stop to a machine that may not exist yet: signals can arrive while it is being built.</summary>
internal sealed class StopRelay
{
    private readonly Lock _lock = new();
    private IMachineControl? _machine;
    private StopReason _requested = StopReason.None;

    /// <summary>The first request so far, or <see cref="StopReason.None"/>.</summary>
    internal StopReason Requested
    {
        get
        {
            lock (_lock)
            {
                return _requested;
            }
        }
    }

    /// <summary>Connects the machine; a request that came before is passed on at once.</summary>
    /// <param name="machine">The machine.</param>
    internal void Attach(IMachineControl machine)
    {
        lock (_lock)
        {
            _machine = machine;
            if (_requested != StopReason.None)
            {
                machine.RequestStop(_requested);
            }
        }
    }

    /// <summary>Disconnects the machine, before it is taken down; later requests are only remembered.</summary>
    internal void Detach()
    {
        lock (_lock)
        {
            _machine = null;
        }
    }

    /// <summary>Asks the machine to stop; callable from any thread. The first request wins.</summary>
    /// <param name="reason">Why.</param>
    internal void Request(StopReason reason)
    {
        lock (_lock)
        {
            if (_requested == StopReason.None)
            {
                _requested = reason;
                _machine?.RequestStop(reason);
            }
        }
    }
}
