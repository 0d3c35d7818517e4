using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.LabProbe;

/// <summary>One instruction of a tiny guest, and the monitor that it meets.</summary>
internal sealed record ProbeCase(string Name)
{
    /// <summary>The guest's mode.</summary>
    public GuestMode Mode { get; init; } = GuestMode.Long64;

    /// <summary>Whether the guest runs at CPL 3 (with IOPL 3, so that it can still answer by a port).</summary>
    public bool IsUser { get; init; }

    /// <summary>What the guest does.</summary>
    public ProbeAction Action { get; init; } = ProbeAction.Hypercall;

    /// <summary>RAX before the instruction: the hypercall's number; for WRMSR the low half of the value.</summary>
    public ulong Rax { get; init; } = MapGpaRangeHandler.HypercallNumber;

    /// <summary>RBX: the address.</summary>
    public ulong Rbx { get; init; }

    /// <summary>RCX: the page count, or the MSR.</summary>
    public ulong Rcx { get; init; } = 1;

    /// <summary>RDX: the attributes; for WRMSR the high half of the value.</summary>
    public ulong Rdx { get; init; }

    /// <summary>The ABI that the monitor speaks.</summary>
    public HypercallAbi Abi { get; init; } = HypercallAbi.MapGpaRange;

    /// <summary>The mask for KVM_CAP_EXIT_HYPERCALL; null leaves the capability as it is at the start.</summary>
    public ulong? ExitHypercalls { get; init; } = 0x1000;

    /// <summary>Whether CPUID offers KVM_FEATURE_HC_MAP_GPA_RANGE.</summary>
    public bool OffersFeature { get; init; } = true;

    /// <summary>Whether the monitor answers MSR_KVM_MIGRATION_CONTROL.</summary>
    public bool OffersMigrationControl { get; init; } = true;

    /// <summary>Whether KVM_CAP_ENFORCE_PV_FEATURE_CPUID is on.</summary>
    public bool Enforces { get; init; } = true;

    /// <summary>The monitor's mode.</summary>
    public SevMode Sev { get; init; } = SevMode.Simulated;

    /// <summary>What unknown MSRs do.</summary>
    public UnknownMsrPolicy UnknownMsrs { get; init; } = UnknownMsrPolicy.GeneralProtection;
}

/// <summary>What a tiny guest does.</summary>
internal enum ProbeAction
{
    /// <summary>VMMCALL.</summary>
    Hypercall,

    /// <summary>RDMSR.</summary>
    ReadMsr,

    /// <summary>WRMSR, then RDMSR of the same register.</summary>
    WriteMsr,

    /// <summary>WRMSR, WRMSR of zero, then RDMSR of the same register.</summary>
    WriteMsrThenZero,
}
