using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Result of KVM_SEV_GUEST_STATUS.</summary>
[CName("struct kvm_sev_guest_status")]
[StructLayout(LayoutKind.Explicit, Size = 12)]
public struct KvmSevGuestStatus
{
    /// <summary>The firmware's guest handle.</summary>
    [FieldOffset(0)]
    public uint Handle;

    /// <summary>SEV guest policy.</summary>
    [FieldOffset(4)]
    public uint Policy;

    /// <summary>The firmware's guest state, 0 to 6.</summary>
    [FieldOffset(8)]
    public uint State;
}
