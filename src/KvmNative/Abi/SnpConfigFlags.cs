namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Bits of <see cref="SevUserDataSnpConfig.Flags"/>.</summary>
[Flags]
[CBitFields("struct sev_user_data_snp_config", 8)]
public enum SnpConfigFlags : uint
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>Reports do not show the chip identifier.</summary>
    MaskChipId = 1,

    /// <summary>Reports are not signed.</summary>
    MaskChipKey = 2,
}
