using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_CLEAR_DIRTY_LOG.</summary>
[CName("struct kvm_clear_dirty_log")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmClearDirtyLog
{
    /// <summary>Memslot number.</summary>
    [FieldOffset(0)]
    public uint Slot;

    /// <summary>Pages to clear; a multiple of 64 unless it reaches the end of the slot.</summary>
    [FieldOffset(4)]
    public uint NumPages;

    /// <summary>First page; a multiple of 64.</summary>
    [FieldOffset(8)]
    public ulong FirstPage;

    /// <summary>Address of the bitmap: the pages whose bit is set are cleared.</summary>
    [FieldOffset(16)]
    public ulong DirtyBitmap;
}
