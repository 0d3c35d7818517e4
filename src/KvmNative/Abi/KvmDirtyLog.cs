using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_GET_DIRTY_LOG.</summary>
[CName("struct kvm_dirty_log")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmDirtyLog
{
    /// <summary>Memslot number.</summary>
    [FieldOffset(0)]
    public uint Slot;

    /// <summary>Address of the bitmap: one bit a page, rounded up to 64 bits.</summary>
    [FieldOffset(8)]
    public ulong DirtyBitmap;
}
