using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Whether a vCPU runs, waits or is halted (KVM_GET_MP_STATE, KVM_SET_MP_STATE).</summary>
[CName("struct kvm_mp_state")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
public struct KvmMpState
{
    /// <summary>A <see cref="KvmMpStateValue"/>.</summary>
    [FieldOffset(0)]
    public uint MpState;
}
