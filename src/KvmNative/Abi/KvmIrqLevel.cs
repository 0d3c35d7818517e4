using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Level of an interrupt line (KVM_IRQ_LINE).</summary>
[CName("struct kvm_irq_level")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmIrqLevel
{
    /// <summary>Global system interrupt.</summary>
    [FieldOffset(0)]
    public uint Irq;

    /// <summary>One asserts, zero releases.</summary>
    [FieldOffset(4)]
    public uint Level;
}
