using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SET_GUEST_DEBUG.</summary>
[CName("struct kvm_guest_debug")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct KvmGuestDebug
{
    /// <summary>See <see cref="KvmGuestDebugFlags"/>.</summary>
    [FieldOffset(0)]
    public uint Control;

    /// <summary>Debug registers to load; 4 and 5 are unused.</summary>
    [CName("arch.debugreg")]
    [FieldOffset(8)]
    public ULongs8 Debugreg;
}
