using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_CREATE_GUEST_MEMFD.</summary>
[CName("struct kvm_create_guest_memfd")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmCreateGuestMemfd
{
    /// <summary>Bytes; a multiple of 4096.</summary>
    [FieldOffset(0)]
    public ulong Size;

    /// <summary>See <see cref="GuestMemfdFlags"/>.</summary>
    [FieldOffset(8)]
    public ulong Flags;
}
