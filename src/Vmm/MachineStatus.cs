using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm;

/// <summary>
/// What a machine has done so far. Each count is read by itself while the guest runs; together they are of no one moment.
/// </summary>
public sealed record MachineStatus
{
    /// <summary>What protects the guest's memory.</summary>
    public required SevMode Mode { get; init; }

    /// <summary>Whether the guest stands still.</summary>
    public required bool IsPaused { get; init; }

    /// <summary>The guest's memory, in bytes.</summary>
    public required ulong GuestMemoryBytes { get; init; }

    /// <summary>The vCPUs, index by index.</summary>
    public required IReadOnlyList<VcpuStatus> Vcpus { get; init; }

    /// <summary>Page-state hypercalls.</summary>
    public required HypercallCounts Hypercalls { get; init; }

    /// <summary>Pages of RAM by state.</summary>
    public required PageTotals Pages { get; init; }

    /// <summary>Accepted calls that the map knows of.</summary>
    public required ulong Generation { get; init; }

    /// <summary>Accesses to ports that nothing claims.</summary>
    public required ulong UnclaimedPortAccesses { get; init; }

    /// <summary>Accesses to memory that nothing claims.</summary>
    public required ulong UnclaimedMmioAccesses { get; init; }

    /// <summary>The virtio devices.</summary>
    public required IReadOnlyList<VirtioDeviceReport> Devices { get; init; }

    /// <summary>What the guard refused last, device by device; devices that it refused nothing are absent.</summary>
    public required IReadOnlyList<GuardViolation> LatestViolations { get; init; }

    /// <summary>Whether the guest says now that it can be migrated.</summary>
    public required bool IsMigrationReady { get; init; }

    /// <summary>Whether the guest has ever said so.</summary>
    public required bool WasMigrationReady { get; init; }
}
