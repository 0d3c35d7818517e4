using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Whether missed timer ticks are delivered later (KVM_REINJECT_CONTROL).</summary>
[CName("struct kvm_reinject_control")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmReinjectControl
{
    /// <summary>One: reinject.</summary>
    [FieldOffset(0)]
    public byte PitReinject;
}
