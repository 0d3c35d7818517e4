using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Header of KVM_SET_GSI_ROUTING; <see cref="KvmIrqRoutingEntry"/> values follow.</summary>
[CName("struct kvm_irq_routing")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmIrqRouting
{
    /// <summary>Count of entries that follow.</summary>
    [FieldOffset(0)]
    public uint Nr;

    /// <summary>Zero.</summary>
    [FieldOffset(4)]
    public uint Flags;
}
