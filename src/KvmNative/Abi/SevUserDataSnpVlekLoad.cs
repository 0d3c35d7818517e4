using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SNP_VLEK_LOAD; packed.</summary>
[CName("struct sev_user_data_snp_vlek_load")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 16)]
public struct SevUserDataSnpVlekLoad
{
    /// <summary>Length of this struct in bytes.</summary>
    [FieldOffset(0)]
    public uint Len;

    /// <summary>Version of the wrapped key: zero.</summary>
    [FieldOffset(4)]
    public byte VlekWrappedVersion;

    /// <summary>Address of the wrapped VLEK hashstick, 432 bytes.</summary>
    [FieldOffset(8)]
    public ulong VlekWrappedAddress;
}
