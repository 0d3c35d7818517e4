using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Header of KVM_SET_SIGNAL_MASK; the signal set follows.</summary>
[CName("struct kvm_signal_mask")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
public struct KvmSignalMask
{
    /// <summary>Bytes of the signal set that follow: 8.</summary>
    [FieldOffset(0)]
    public uint Len;
}
