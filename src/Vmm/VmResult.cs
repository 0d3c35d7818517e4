using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm;

/// <summary>
/// How the run of a virtual machine ended, and what was seen on the way. Written as JSON by <see cref="VmResultWriter"/>.
/// </summary>
public sealed record VmResult
{
    /// <summary>What protected the guest's memory.</summary>
    public required SevMode Mode { get; init; }

    /// <summary>
    /// C-bit position in the guest's page tables; null without memory encryption, real or simulated, or when none was chosen yet.
    /// </summary>
    public int? CBitPosition { get; init; }

    /// <summary>Why it ended; <see cref="StopReason.None"/> when the guest never started.</summary>
    public required StopReason Reason { get; init; }

    /// <summary>
    /// What the guest gave with its end: the byte on the debug-exit port, the GHCB MSR value of a SEV termination; null where it gives
    /// nothing.
    /// </summary>
    public ulong? GuestCode { get; init; }

    /// <summary>What is known of a crash beside the reason, one line; null for nothing.</summary>
    public string? Detail { get; init; }

    /// <summary>Registers and code of a guest that crashed, several lines for a person; null for none.</summary>
    public string? CrashReport { get; init; }

    /// <summary>What failed, for <see cref="StopReason.None"/> and <see cref="StopReason.MonitorError"/>.</summary>
    public Exception? Failure { get; init; }

    /// <summary>When things happened.</summary>
    public required VmTimes Times { get; init; }

    /// <summary>
    /// Exits to user space by kind, in the kernel's words in lower case with hyphens (<c>io</c>, <c>mmio</c>, <c>hypercall</c>); kinds that
    /// never occurred are absent.
    /// </summary>
    public IReadOnlyDictionary<string, ulong> ExitsByKind { get; init; } = new Dictionary<string, ulong>();

    /// <summary>Hypercalls that reached the monitor.</summary>
    public HypercallCounts Hypercalls { get; init; } = new();

    /// <summary>Accesses to ports that no device claims.</summary>
    public ulong UnclaimedPortAccesses { get; init; }

    /// <summary>Accesses to guest physical addresses that neither RAM nor a device claims.</summary>
    public ulong UnclaimedMmioAccesses { get; init; }

    /// <summary>Accesses to MSRs that neither KVM nor the monitor knows.</summary>
    public IReadOnlyList<UnknownMsrCount> UnknownMsrs { get; init; } = [];

    /// <summary>What each virtio device has done and refused.</summary>
    public IReadOnlyList<VirtioDeviceReport> Devices { get; init; } = [];

    /// <summary>Which page was private and which shared at the end; null when the guest never started.</summary>
    public SharedRegionMap? Map { get; init; }

    /// <summary>Whether the guest's last word was that it is ready to migrate (MSR_KVM_MIGRATION_CONTROL).</summary>
    public bool MigrationReady { get; init; }

    /// <summary>Whether it said so at any time.</summary>
    public bool WasMigrationReady { get; init; }

    /// <summary>Most memory that the monitor's process had resident beside the guest's, in bytes; null if that could not be read.</summary>
    public ulong? PeakRssBytes { get; init; }

    /// <summary>The guest's RAM, in bytes.</summary>
    public required ulong GuestMemoryBytes { get; init; }

    /// <summary>Launch measurement of the firmware, or of its software model; null when there was no launch.</summary>
    public ReadOnlyMemory<byte>? LaunchMeasurement { get; init; }

    /// <summary>
    /// The launch digest as the monitor computed it beside the firmware, or beside its software model, 32 bytes; null when there was no
    /// launch.
    /// </summary>
    public ReadOnlyMemory<byte>? LaunchDigest { get; init; }
}
