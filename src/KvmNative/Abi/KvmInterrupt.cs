using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_INTERRUPT.</summary>
[CName("struct kvm_interrupt")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
public struct KvmInterrupt
{
    /// <summary>Interrupt vector, without an in-kernel interrupt controller.</summary>
    [FieldOffset(0)]
    public uint Irq;
}
