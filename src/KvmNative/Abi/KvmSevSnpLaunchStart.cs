using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_SNP_LAUNCH_START.</summary>
[CName("struct kvm_sev_snp_launch_start")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmSevSnpLaunchStart
{
    /// <summary>SNP guest policy; bit 17 is always set.</summary>
    [FieldOffset(0)]
    public ulong Policy;

    /// <summary>Guest-OS-visible workarounds.</summary>
    [FieldOffset(8)]
    public Bytes16 Gosvw;

    /// <summary>Zero.</summary>
    [FieldOffset(24)]
    public ushort Flags;
}
