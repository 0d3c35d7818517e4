using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_RECEIVE_START.</summary>
[CName("struct kvm_sev_receive_start")]
[StructLayout(LayoutKind.Explicit, Size = 40)]
public struct KvmSevReceiveStart
{
    /// <summary>Zero for a new guest; the firmware's guest handle on return.</summary>
    [FieldOffset(0)]
    public uint Handle;

    /// <summary>The guest's policy, as the source sent it.</summary>
    [FieldOffset(4)]
    public uint Policy;

    /// <summary>Address of the source platform's PDH certificate.</summary>
    [FieldOffset(8)]
    public ulong PdhUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(16)]
    public uint PdhLen;

    /// <summary>Address of the session data.</summary>
    [FieldOffset(24)]
    public ulong SessionUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(32)]
    public uint SessionLen;
}
