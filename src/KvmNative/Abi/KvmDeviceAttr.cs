using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of the device-attribute ioctls.</summary>
[CName("struct kvm_device_attr")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmDeviceAttr
{
    /// <summary>Zero.</summary>
    [FieldOffset(0)]
    public uint Flags;

    /// <summary>Attribute group.</summary>
    [FieldOffset(4)]
    public uint Group;

    /// <summary>Attribute inside the group.</summary>
    [FieldOffset(8)]
    public ulong Attr;

    /// <summary>Address of the value in the monitor.</summary>
    [FieldOffset(16)]
    public ulong Addr;
}
