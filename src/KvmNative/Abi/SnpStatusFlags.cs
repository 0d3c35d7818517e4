namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Bits of <see cref="SevUserDataSnpStatus.Flags"/>.</summary>
[Flags]
[CBitFields("struct sev_user_data_snp_status", 8)]
public enum SnpStatusFlags : uint
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>Reports do not show the chip identifier.</summary>
    MaskChipId = 1,

    /// <summary>Reports are not signed.</summary>
    MaskChipKey = 2,

    /// <summary>A VLEK is loaded.</summary>
    VlekEn = 4,

    /// <summary>The SNP_FEATURE_INFO command exists.</summary>
    FeatureInfo = 8,

    /// <summary>Power metering is off.</summary>
    RaplDis = 0x10,

    /// <summary>The platform can hide ciphertext.</summary>
    CiphertextHidingCap = 0x20,

    /// <summary>Ciphertext is hidden.</summary>
    CiphertextHidingEn = 0x40,
}
