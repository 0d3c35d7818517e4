using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One entry of a vCPU's dirty ring.</summary>
[CName("struct kvm_dirty_gfn")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmDirtyGfn
{
    /// <summary>Bit 0: dirty, set by the kernel; bit 1: harvested, set by the monitor.</summary>
    [FieldOffset(0)]
    public uint Flags;

    /// <summary>Memslot number in the low half, address space in the high half.</summary>
    [FieldOffset(4)]
    public uint Slot;

    /// <summary>Page number inside the memslot.</summary>
    [FieldOffset(8)]
    public ulong Offset;
}
