using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_RECEIVE_UPDATE_DATA.</summary>
[CName("struct kvm_sev_receive_update_data")]
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct KvmSevReceiveUpdateData
{
    /// <summary>Address of the packet header.</summary>
    [FieldOffset(0)]
    public ulong HdrUaddr;

    /// <summary>Its length in bytes: 52.</summary>
    [FieldOffset(8)]
    public uint HdrLen;

    /// <summary>Host virtual address of the guest memory.</summary>
    [FieldOffset(16)]
    public ulong GuestUaddr;

    /// <summary>Bytes of guest memory.</summary>
    [FieldOffset(24)]
    public uint GuestLen;

    /// <summary>Address of the transport-encrypted data.</summary>
    [FieldOffset(32)]
    public ulong TransUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(40)]
    public uint TransLen;
}
