namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What one device has done and refused. Written under the device's gate, but for what the names below say otherwise.</summary>
public sealed class VirtioStatistics
{
    private long _refusedAccesses;
    private long _interrupts;

    /// <summary>Bytes that went from the host to the guest.</summary>
    public long BytesToGuest { get; internal set; }

    /// <summary>Bytes that went from the guest to the host.</summary>
    public long BytesFromGuest { get; internal set; }

    /// <summary>Requests that the host's side failed.</summary>
    public long HostErrors { get; internal set; }

    /// <summary>Memory that the guard refused: not RAM, or not shared.</summary>
    public long GuardViolations { get; internal set; }

    /// <summary>Other mistakes of the driver that stopped a queue.</summary>
    public long ProtocolErrors { get; internal set; }

    /// <summary>How often the driver has reset the device.</summary>
    public long Resets { get; internal set; }

    /// <summary>Interrupts raised. Counted from any thread.</summary>
    public long Interrupts => Interlocked.Read(ref _interrupts);

    /// <summary>Register accesses that have no meaning: wrong size, wrong moment, read-only. Counted from any thread.</summary>
    public long RefusedAccesses => Interlocked.Read(ref _refusedAccesses);

    internal void CountInterrupt() => Interlocked.Increment(ref _interrupts);

    internal void CountRefusedAccess() => Interlocked.Increment(ref _refusedAccesses);
}
