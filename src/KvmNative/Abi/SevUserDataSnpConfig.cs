using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SNP_SET_CONFIG; packed.</summary>
[CName("struct sev_user_data_snp_config")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 64)]
public struct SevUserDataSnpConfig
{
    /// <summary>TCB version that reports show.</summary>
    [FieldOffset(0)]
    public ulong ReportedTcb;

    /// <summary>See <see cref="SnpConfigFlags"/>.</summary>
    [CBitFields("mask_chip_id")]
    [FieldOffset(8)]
    public uint Flags;
}
