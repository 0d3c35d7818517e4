using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Route of a global system interrupt to a pin.</summary>
[CName("struct kvm_irq_routing_irqchip")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmIrqRoutingIrqchip
{
    /// <summary>A <see cref="KvmIrqchipId"/>.</summary>
    [FieldOffset(0)]
    public uint Irqchip;

    /// <summary>Pin of that chip.</summary>
    [FieldOffset(4)]
    public uint Pin;
}
