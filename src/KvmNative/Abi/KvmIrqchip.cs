using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>State of one in-kernel interrupt controller (KVM_GET_IRQCHIP, KVM_SET_IRQCHIP).</summary>
[CName("struct kvm_irqchip")]
[StructLayout(LayoutKind.Explicit, Size = 520)]
public struct KvmIrqchip
{
    /// <summary>A <see cref="KvmIrqchipId"/>.</summary>
    [FieldOffset(0)]
    public uint ChipId;

    /// <summary>State when the chip is a PIC.</summary>
    [CName("chip.pic")]
    [FieldOffset(8)]
    public KvmPicState Pic;

    /// <summary>State when the chip is the I/O APIC.</summary>
    [CName("chip.ioapic")]
    [FieldOffset(8)]
    public KvmIoapicState Ioapic;
}
