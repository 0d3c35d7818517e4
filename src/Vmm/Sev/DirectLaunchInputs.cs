using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Everything that the launch digest of a kernel without firmware depends on. Immutable.</summary>
public sealed record DirectLaunchInputs
{
    /// <summary>What to boot.</summary>
    public required BootConfig Boot { get; init; }

    /// <summary>Guest RAM in bytes; a multiple of 4 KiB.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>Number of vCPUs.</summary>
    public int VcpuCount { get; init; } = 1;

    /// <summary>SEV or SEV-ES.</summary>
    public required SevGuestKind Kind { get; init; }

    /// <summary>The host's C-bit: it stands in the page tables.</summary>
    public required int CBitPosition { get; init; }

    /// <summary>How the guest is made; not <see cref="SevInitInterface.Auto"/>. Of no account for SEV.</summary>
    public SevInitInterface InitInterface { get; init; } = SevInitInterface.Init2;

    /// <summary>Leaf 1 EAX of the guest's CPUID, which is its host's. Of no account for SEV, and for a single vCPU.</summary>
    public uint CpuSignature { get; init; } = CpuModels.All[0].Signature;
}
