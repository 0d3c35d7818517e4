namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Bits of <see cref="SevUserDataSnpStatus.RmpFlags"/>.</summary>
[Flags]
[CBitFields("struct sev_user_data_snp_status", 3)]
public enum SnpStatusRmpFlags : byte
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>The reverse map table is initialised.</summary>
    IsRmpInitialized = 1,
}
