using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_SEND_START.</summary>
[CName("struct kvm_sev_send_start")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct KvmSevSendStart
{
    /// <summary>Output: the guest's policy.</summary>
    [FieldOffset(0)]
    public uint Policy;

    /// <summary>Address of the target platform's PDH certificate.</summary>
    [FieldOffset(8)]
    public ulong PdhCertUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(16)]
    public uint PdhCertLen;

    /// <summary>Address of the target platform's certificate chain.</summary>
    [FieldOffset(24)]
    public ulong PlatCertsUaddr;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(32)]
    public uint PlatCertsLen;

    /// <summary>Address of AMD's certificates.</summary>
    [FieldOffset(40)]
    public ulong AmdCertsUaddr;

    /// <summary>Their length in bytes.</summary>
    [FieldOffset(48)]
    public uint AmdCertsLen;

    /// <summary>Address of the buffer for the session data.</summary>
    [FieldOffset(56)]
    public ulong SessionUaddr;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(64)]
    public uint SessionLen;
}
