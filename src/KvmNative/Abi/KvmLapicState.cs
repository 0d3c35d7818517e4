using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Register page of a local APIC (KVM_GET_LAPIC, KVM_SET_LAPIC).</summary>
[CName("struct kvm_lapic_state")]
[StructLayout(LayoutKind.Explicit, Size = 1024)]
public struct KvmLapicState
{
    /// <summary>The first 1024 bytes of the APIC page, in the memory-mapped layout.</summary>
    [FieldOffset(0)]
    public Bytes1024 Regs;
}
