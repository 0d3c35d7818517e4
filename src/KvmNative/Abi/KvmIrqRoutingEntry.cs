using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One entry of the interrupt routing table.</summary>
[CName("struct kvm_irq_routing_entry")]
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct KvmIrqRoutingEntry
{
    /// <summary>Global system interrupt.</summary>
    [FieldOffset(0)]
    public uint Gsi;

    /// <summary>A <see cref="KvmIrqRoutingType"/>.</summary>
    [FieldOffset(4)]
    public uint Type;

    /// <summary>Zero, or KVM_MSI_VALID_DEVID (1).</summary>
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Target, for <see cref="KvmIrqRoutingType.Irqchip"/>.</summary>
    [CName("u.irqchip")]
    [FieldOffset(16)]
    public KvmIrqRoutingIrqchip Irqchip;

    /// <summary>Target, for <see cref="KvmIrqRoutingType.Msi"/>.</summary>
    [CName("u.msi")]
    [FieldOffset(16)]
    public KvmIrqRoutingMsi Msi;
}
