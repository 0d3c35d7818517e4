using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Everything that the launch digest of a kernel without firmware depends on. Immutable.</summary>
public sealed record DirectLaunchInputs
{
    /// <summary>The machine: its files, RAM, vCPUs and devices, all of which show in what is loaded.</summary>
    public required VmConfig Machine { get; init; }

    /// <summary>SEV or SEV-ES.</summary>
    public required SevGuestKind Kind { get; init; }

    /// <summary>The host's C-bit: it stands in the page tables.</summary>
    public required int CBitPosition { get; init; }

    /// <summary>How the guest is made; not <see cref="SevInitInterface.Auto"/>. Of no account for SEV.</summary>
    public SevInitInterface InitInterface { get; init; } = SevInitInterface.Init2;

    /// <summary>Leaf 1 EAX of the guest's CPUID, which is its host's. Of no account for SEV, and for a single vCPU.</summary>
    public uint CpuSignature { get; init; } = CpuModels.All[0].Signature;
}
