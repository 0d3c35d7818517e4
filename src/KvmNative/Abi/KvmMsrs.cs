using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Header of KVM_GET_MSRS and KVM_SET_MSRS; <see cref="KvmMsrEntry"/> values follow.</summary>
[CName("struct kvm_msrs")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmMsrs
{
    /// <summary>Count of entries that follow.</summary>
    [FieldOffset(0)]
    public uint Nmsrs;
}
