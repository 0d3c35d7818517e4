using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One memslot (KVM_SET_USER_MEMORY_REGION).</summary>
[CName("struct kvm_userspace_memory_region")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmUserspaceMemoryRegion
{
    /// <summary>Slot number; the address space stands in the high half.</summary>
    [FieldOffset(0)]
    public uint Slot;

    /// <summary>See <see cref="KvmMemoryRegionFlags"/>.</summary>
    [FieldOffset(4)]
    public uint Flags;

    /// <summary>Guest physical address; a multiple of 4096.</summary>
    [FieldOffset(8)]
    public ulong GuestPhysAddr;

    /// <summary>Bytes, a multiple of 4096; zero deletes the slot.</summary>
    [FieldOffset(16)]
    public ulong MemorySize;

    /// <summary>Host virtual address of the memory.</summary>
    [FieldOffset(24)]
    public ulong UserspaceAddr;
}
