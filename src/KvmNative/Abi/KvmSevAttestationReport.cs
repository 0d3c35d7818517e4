using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_GET_ATTESTATION_REPORT.</summary>
[CName("struct kvm_sev_attestation_report")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmSevAttestationReport
{
    /// <summary>Nonce that the report repeats.</summary>
    [FieldOffset(0)]
    public Bytes16 Mnonce;

    /// <summary>Address of the buffer for the report.</summary>
    [FieldOffset(16)]
    public ulong Uaddr;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(24)]
    public uint Len;
}
