using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_PRE_FAULT_MEMORY; the kernel advances them by what it did.</summary>
[CName("struct kvm_pre_fault_memory")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmPreFaultMemory
{
    /// <summary>Guest physical address; a multiple of 4096.</summary>
    [FieldOffset(0)]
    public ulong Gpa;

    /// <summary>Bytes that remain.</summary>
    [FieldOffset(8)]
    public ulong Size;

    /// <summary>Zero.</summary>
    [FieldOffset(16)]
    public ulong Flags;
}
