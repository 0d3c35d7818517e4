namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What one virtio device has done and refused, at one moment.</summary>
public sealed record VirtioDeviceReport
{
    /// <summary>What logs call it: <c>disk0</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it is, one word in lower case.</summary>
    public required string Type { get; init; }

    /// <summary>Whether a driver had it working at that moment.</summary>
    public required bool IsInUse { get; init; }

    /// <summary>Chains that were answered.</summary>
    public required long Requests { get; init; }

    /// <summary>Interrupts raised.</summary>
    public required long Interrupts { get; init; }

    /// <summary>Bytes that went from the host to the guest.</summary>
    public required long BytesToGuest { get; init; }

    /// <summary>Bytes that went from the guest to the host.</summary>
    public required long BytesFromGuest { get; init; }

    /// <summary>Requests that the host's side failed.</summary>
    public required long HostErrors { get; init; }

    /// <summary>Memory that the guard refused.</summary>
    public required long GuardViolations { get; init; }

    /// <summary>Other mistakes of the driver that stopped a queue.</summary>
    public required long ProtocolErrors { get; init; }

    /// <summary>Register accesses without a meaning.</summary>
    public required long RefusedAccesses { get; init; }

    /// <summary>How often a driver has reset it after using it.</summary>
    public required long Resets { get; init; }
}
