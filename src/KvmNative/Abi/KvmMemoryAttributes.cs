using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SET_MEMORY_ATTRIBUTES.</summary>
[CName("struct kvm_memory_attributes")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmMemoryAttributes
{
    /// <summary>Guest physical address; a multiple of 4096.</summary>
    [FieldOffset(0)]
    public ulong Address;

    /// <summary>Bytes; a multiple of 4096.</summary>
    [FieldOffset(8)]
    public ulong Size;

    /// <summary>See <see cref="KvmMemoryAttributeFlags"/>; zero means shared.</summary>
    [FieldOffset(16)]
    public ulong Attributes;

    /// <summary>Zero.</summary>
    [FieldOffset(24)]
    public ulong Flags;
}
