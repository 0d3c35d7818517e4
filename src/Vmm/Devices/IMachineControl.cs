namespace KvmSevVmm.Vmm.Devices;

/// <summary>What a device may ask of the whole machine.</summary>
public interface IMachineControl
{
    /// <summary>Asks the machine to end; returns at once, the vCPUs stop soon after. The first request wins.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="guestCode">The value that the guest gave with it (debug-exit port), else 0.</param>
    void RequestStop(StopReason reason, int guestCode = 0);
}
