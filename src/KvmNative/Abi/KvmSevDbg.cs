using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_DBG_DECRYPT and KVM_SEV_DBG_ENCRYPT.</summary>
[CName("struct kvm_sev_dbg")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmSevDbg
{
    /// <summary>Address to read from.</summary>
    [FieldOffset(0)]
    public ulong SrcUaddr;

    /// <summary>Address to write to.</summary>
    [FieldOffset(8)]
    public ulong DstUaddr;

    /// <summary>Bytes.</summary>
    [FieldOffset(16)]
    public uint Len;
}
