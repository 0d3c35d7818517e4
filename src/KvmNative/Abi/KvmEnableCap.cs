using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_ENABLE_CAP.</summary>
[CName("struct kvm_enable_cap")]
[StructLayout(LayoutKind.Explicit, Size = 104)]
public struct KvmEnableCap
{
    /// <summary>A <see cref="KvmCap"/>.</summary>
    [FieldOffset(0)]
    public uint Cap;

    /// <summary>Zero for nearly every capability.</summary>
    [FieldOffset(4)]
    public uint Flags;

    /// <summary>Arguments; their meaning depends on the capability.</summary>
    [FieldOffset(8)]
    public ULongs4 Args;
}
