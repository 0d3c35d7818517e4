using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_MEMORY_FAULT: an access that the memory attributes do not allow; KVM_RUN fails with EFAULT.</summary>
[CName("struct kvm_run", "memory_fault")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmRunMemoryFault
{
    /// <summary>Bit of <see cref="Flags"/>: the guest meant private memory.</summary>
    [CName("KVM_MEMORY_EXIT_FLAG_PRIVATE")]
    public const ulong Private = 8;

    /// <summary>Whether the guest meant private memory.</summary>
    public readonly bool IsPrivate => (Flags & Private) != 0;

    /// <summary>Whether the kernel says something of the fault that <see cref="Private"/> does not: it has no answer then.</summary>
    public readonly bool HasUnknownFlags => (Flags & ~Private) != 0;

    /// <summary><see cref="Private"/>, or zero for a shared access.</summary>
    [FieldOffset(0)]
    public ulong Flags;

    /// <summary>Guest physical address.</summary>
    [FieldOffset(8)]
    public ulong Gpa;

    /// <summary>Bytes.</summary>
    [FieldOffset(16)]
    public ulong Size;
}
