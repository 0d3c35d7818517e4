using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SEV_PEK_CERT_IMPORT; packed.</summary>
[CName("struct sev_user_data_pek_cert_import")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 24)]
public struct SevUserDataPekCertImport
{
    /// <summary>Address of the signed PEK certificate.</summary>
    [FieldOffset(0)]
    public ulong PekCertAddress;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(8)]
    public uint PekCertLen;

    /// <summary>Address of the OCA certificate.</summary>
    [FieldOffset(12)]
    public ulong OcaCertAddress;

    /// <summary>Its length in bytes.</summary>
    [FieldOffset(20)]
    public uint OcaCertLen;
}
