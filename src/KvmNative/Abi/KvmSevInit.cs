using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_INIT2.</summary>
[CName("struct kvm_sev_init")]
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct KvmSevInit
{
    /// <summary>SEV_FEATURES of the vCPU save areas; zero for plain SEV.</summary>
    [FieldOffset(0)]
    public ulong VmsaFeatures;

    /// <summary>Zero.</summary>
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Highest GHCB protocol version; zero lets the kernel choose.</summary>
    [FieldOffset(12)]
    public ushort GhcbVersion;
}
