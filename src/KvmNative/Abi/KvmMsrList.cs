using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Header of KVM_GET_MSR_INDEX_LIST; 32-bit MSR numbers follow.</summary>
[CName("struct kvm_msr_list")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
public struct KvmMsrList
{
    /// <summary>Room for numbers on input, count of numbers on output.</summary>
    [FieldOffset(0)]
    public uint Nmsrs;
}
