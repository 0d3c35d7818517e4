using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_INTERNAL_ERROR: the kernel met something that it cannot handle.</summary>
[CName("struct kvm_run", "internal")]
[StructLayout(LayoutKind.Explicit, Size = 136)]
public struct KvmRunInternalError
{
    /// <summary>A <see cref="KvmInternalError"/>.</summary>
    [FieldOffset(0)]
    public uint Suberror;

    /// <summary>Count of valid words in <see cref="Data"/>.</summary>
    [FieldOffset(4)]
    public uint Ndata;

    /// <summary>Words whose meaning depends on the suberror.</summary>
    [FieldOffset(8)]
    public ULongs16 Data;
}
