using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_LAUNCH_START.</summary>
[CName("struct kvm_sev_launch_start")]
[StructLayout(LayoutKind.Explicit, Size = 40)]
public struct KvmSevLaunchStart
{
    /// <summary>Zero for a new guest; the firmware's guest handle on return.</summary>
    [FieldOffset(0)]
    public uint Handle;

    /// <summary>SEV guest policy.</summary>
    [FieldOffset(4)]
    public uint Policy;

    /// <summary>Address of the owner's Diffie-Hellman certificate; zero when there is none.</summary>
    [FieldOffset(8)]
    public ulong DhUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(16)]
    public uint DhLen;

    /// <summary>Address of the session data; zero when there is none.</summary>
    [FieldOffset(24)]
    public ulong SessionUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(32)]
    public uint SessionLen;
}
