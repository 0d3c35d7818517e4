using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>Everything that the launch digest of a guest with a firmware image depends on. Immutable.</summary>
public sealed record LaunchInputs
{
    /// <summary>More vCPUs than that no host has.</summary>
    public const int MaximumVcpuCount = 4096;

    /// <summary>How the guest is protected.</summary>
    public required LaunchMode Mode { get; init; }

    /// <summary>The firmware image.</summary>
    public required OvmfFirmware Firmware { get; init; }

    /// <summary>What is booted through a measured hash table; null where there is none.</summary>
    public KernelHashes? Kernel { get; init; }

    /// <summary>vCPUs, 1 to 4096. Of no account for SEV.</summary>
    public int VcpuCount { get; init; } = 1;

    /// <summary>CPUID Fn0000_0001 EAX of the guest's processor. Of no account for SEV, EC2 and GCE.</summary>
    public uint CpuSignature { get; init; } = CpuModels.All[0].Signature;

    /// <summary>Whose registers and page order.</summary>
    public VmsaProfile Profile { get; init; } = VmsaProfile.QemuInit2;

    /// <summary>SEV_FEATURES; null for the mode's own, which is 0 for SEV-ES and 1 for SEV-SNP.</summary>
    public ulong? SevFeatures { get; init; }

    /// <summary>
    /// The VMSAs themselves, one for each vCPU and 4096 bytes each; null to make them from the profile. Counts before
    /// <see cref="VcpuCount"/>, <see cref="CpuSignature"/> and <see cref="SevFeatures"/>.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Vmsas { get; init; }

    /// <summary>
    /// The SEV-SNP digest after the firmware's own pages, 48 bytes, computed before; null to compute it. The image is then read for its
    /// table alone.
    /// </summary>
    public ReadOnlyMemory<byte>? FirmwareDigest { get; init; }

    /// <summary>SEV_FEATURES as it stands in the VMSAs.</summary>
    public ulong EffectiveSevFeatures => SevFeatures ?? (Mode == LaunchMode.Snp ? VmsaProfiles.SnpActive : 0);
}
