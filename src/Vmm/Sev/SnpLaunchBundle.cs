using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// Everything that a verifier of a SEV-SNP launch needs beside the guest's own report. Written as JSON by <see cref="LaunchBundleWriter"/>.
/// </summary>
public sealed record SnpLaunchBundle
{
    /// <summary>What protects the guest's memory.</summary>
    public required SevMode Mode { get; init; }

    /// <summary>Whether the firmware is the software model, so that the launch proves nothing about a real machine.</summary>
    public required bool IsSimulated { get; init; }

    /// <summary>The version of the platform's firmware at the launch.</summary>
    public required SevFirmwareVersion Firmware { get; init; }

    /// <summary>Leaf 1 EAX of the guest's CPUID, which stands in the save areas.</summary>
    public required uint CpuSignature { get; init; }

    /// <summary>SEV_FEATURES, which stands in the save areas.</summary>
    public required ulong SevFeatures { get; init; }

    /// <summary>What was launched, its pieces hashed.</summary>
    public required SnpLaunchResult Launch { get; init; }

    /// <summary>ID block, its authentication and host data.</summary>
    public required SnpLaunchFinishRequest Finish { get; init; }

    /// <summary>The save areas as the monitor computed them, 4096 bytes for each vCPU.</summary>
    public required IReadOnlyList<byte[]> SaveAreas { get; init; }

    /// <summary>The hashes of kernel, initrd and command line; null for a launch without them.</summary>
    public required SevHashTable? Hashes { get; init; }

    /// <summary>First guest address of the hash table; 0 without one.</summary>
    public required ulong HashTableGpa { get; init; }
}
