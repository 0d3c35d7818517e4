using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>An edge-triggered interrupt that counts its pulses, and that a driver can wait for.</summary>
internal sealed class RecordingPulse : IInterruptPulse, IDisposable
{
    private readonly AutoResetEvent _raised = new(initialState: false);
    private int _pulses;

    internal int Pulses => Volatile.Read(ref _pulses);

    public void Pulse()
    {
        Interlocked.Increment(ref _pulses);
        _raised.Set();
    }

    public void Dispose() => _raised.Dispose();

    /// <summary>Waits for the next pulse, or takes the one that nobody has waited for.</summary>
    internal bool Wait(TimeSpan timeout) => _raised.WaitOne(timeout);
}
