using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>An edge-triggered interrupt that counts its pulses.</summary>
internal sealed class RecordingPulse : IInterruptPulse
{
    private int _pulses;

    internal int Pulses => Volatile.Read(ref _pulses);

    public void Pulse() => Interlocked.Increment(ref _pulses);
}
