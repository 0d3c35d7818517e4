using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_X86_SET_MSR_FILTER.</summary>
[CName("struct kvm_msr_filter")]
[StructLayout(LayoutKind.Explicit, Size = 392)]
public struct KvmMsrFilter
{
    /// <summary>0: allow what no range names; 1: deny it.</summary>
    [FieldOffset(0)]
    public uint Flags;

    /// <summary>The ranges; one with no MSRs is unused.</summary>
    [FieldOffset(8)]
    public KvmMsrFilterRangeArray16 Ranges;
}
