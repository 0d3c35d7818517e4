using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One memslot with an optional guest_memfd for its private pages (KVM_SET_USER_MEMORY_REGION2).</summary>
[CName("struct kvm_userspace_memory_region2")]
[StructLayout(LayoutKind.Explicit, Size = 160)]
public struct KvmUserspaceMemoryRegion2
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

    /// <summary>Host virtual address of the shared half.</summary>
    [FieldOffset(24)]
    public ulong UserspaceAddr;

    /// <summary>Offset in the guest_memfd in bytes; a multiple of 4096.</summary>
    [FieldOffset(32)]
    public ulong GuestMemfdOffset;

    /// <summary>File descriptor, with <see cref="KvmMemoryRegionFlags.GuestMemfd"/>.</summary>
    [FieldOffset(40)]
    public uint GuestMemfd;
}
