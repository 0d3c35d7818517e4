using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// Everything that a verifier of a measured SEV or SEV-ES launch needs. Written as JSON by <see cref="LaunchBundleWriter"/>.
/// </summary>
public sealed record LaunchBundle
{
    /// <summary>What protects the guest's memory.</summary>
    public required SevMode Mode { get; init; }

    /// <summary>Whether the firmware is the software model, so that the measurement proves nothing about a real machine.</summary>
    public required bool IsSimulated { get; init; }

    /// <summary>SEV or SEV-ES.</summary>
    public required SevGuestKind Kind { get; init; }

    /// <summary>How the machine was made; the save areas depend on it.</summary>
    public required SevInitInterface InitInterface { get; init; }

    /// <summary>The firmware's version, which the measurement covers.</summary>
    public required SevFirmwareVersion Firmware { get; init; }

    /// <summary>The C-bit, which stands in the page tables.</summary>
    public required int CBitPosition { get; init; }

    /// <summary>The guest's RAM, on which the places of the pieces depend.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>Number of vCPUs.</summary>
    public required int VcpuCount { get; init; }

    /// <summary>Leaf 1 EAX of the guest's CPUID, which stands in the save areas.</summary>
    public required uint CpuSignature { get; init; }

    /// <summary>What was launched and measured, its pieces hashed.</summary>
    public required SevLaunchResult Launch { get; init; }

    /// <summary>The save areas of SEV-ES as the monitor computed them, 4096 bytes each; none for SEV.</summary>
    public required IReadOnlyList<byte[]> SaveAreas { get; init; }

    /// <summary>Where a secret goes whose sender names no place; empty for nowhere.</summary>
    public required GpaRange SecretArea { get; init; }

    /// <summary>The platform's certificates; null where it did not give them.</summary>
    public required PlatformCertificates? Platform { get; init; }
}
