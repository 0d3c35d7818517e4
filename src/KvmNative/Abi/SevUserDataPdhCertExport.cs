using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SEV_PDH_CERT_EXPORT; packed.</summary>
[CName("struct sev_user_data_pdh_cert_export")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 24)]
public struct SevUserDataPdhCertExport
{
    /// <summary>Address of the buffer for the PDH certificate.</summary>
    [FieldOffset(0)]
    public ulong PdhCertAddress;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(8)]
    public uint PdhCertLen;

    /// <summary>Address of the buffer for the certificate chain.</summary>
    [FieldOffset(12)]
    public ulong CertChainAddress;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(20)]
    public uint CertChainLen;
}
