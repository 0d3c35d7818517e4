namespace KvmSevVmm.Vmm.Devices;

/// <summary>An edge-triggered interrupt input: each pulse is one interrupt.</summary>
public interface IInterruptPulse
{
    /// <summary>Raises the interrupt. From any thread; allocates nothing.</summary>
    void Pulse();
}
