using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>State of the in-kernel timer (KVM_GET_PIT2, KVM_SET_PIT2).</summary>
[CName("struct kvm_pit_state2")]
[StructLayout(LayoutKind.Explicit, Size = 112)]
public struct KvmPitState2
{
    /// <summary>Channels 0 to 2.</summary>
    [FieldOffset(0)]
    public KvmPitChannelStateArray3 Channels;

    /// <summary>See <see cref="KvmPitFlags"/>.</summary>
    [FieldOffset(72)]
    public uint Flags;
}
