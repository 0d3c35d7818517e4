using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Route of a global system interrupt to a message.</summary>
[CName("struct kvm_irq_routing_msi")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmIrqRoutingMsi
{
    /// <summary>Low half of the message address.</summary>
    [FieldOffset(0)]
    public uint AddressLo;

    /// <summary>High half of the message address.</summary>
    [FieldOffset(4)]
    public uint AddressHi;

    /// <summary>Message data.</summary>
    [FieldOffset(8)]
    public uint Data;

    /// <summary>Device identifier, with KVM_MSI_VALID_DEVID.</summary>
    [FieldOffset(12)]
    public uint Devid;
}
