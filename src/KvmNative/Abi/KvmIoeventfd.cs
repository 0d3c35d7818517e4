using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Eventfd that a guest write signals without an exit (KVM_IOEVENTFD).</summary>
[CName("struct kvm_ioeventfd")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmIoeventfd
{
    /// <summary>Value to match, with <see cref="KvmIoeventfdFlags.Datamatch"/>.</summary>
    [FieldOffset(0)]
    public ulong Datamatch;

    /// <summary>Port number or guest physical address.</summary>
    [FieldOffset(8)]
    public ulong Addr;

    /// <summary>Length of the access in bytes: 1, 2, 4, 8, or 0 for any.</summary>
    [FieldOffset(16)]
    public uint Len;

    /// <summary>The eventfd.</summary>
    [FieldOffset(20)]
    public int Fd;

    /// <summary>See <see cref="KvmIoeventfdFlags"/>.</summary>
    [FieldOffset(24)]
    public uint Flags;
}
