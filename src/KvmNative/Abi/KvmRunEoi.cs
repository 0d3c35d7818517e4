using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_IOAPIC_EOI: the guest ended an interrupt of a split interrupt controller.</summary>
[CName("struct kvm_run", "eoi")]
[StructLayout(LayoutKind.Explicit, Size = 1)]
public struct KvmRunEoi
{
    /// <summary>Interrupt vector.</summary>
    [FieldOffset(0)]
    public byte Vector;
}
