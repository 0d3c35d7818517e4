using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Result of SNP_PLATFORM_STATUS; packed.</summary>
[CName("struct sev_user_data_snp_status")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 32)]
public struct SevUserDataSnpStatus
{
    /// <summary>API major version.</summary>
    [FieldOffset(0)]
    public byte ApiMajor;

    /// <summary>API minor version.</summary>
    [FieldOffset(1)]
    public byte ApiMinor;

    /// <summary>Platform state: 0 uninitialised, 1 initialised.</summary>
    [FieldOffset(2)]
    public byte State;

    /// <summary>See <see cref="SnpStatusRmpFlags"/>.</summary>
    [CBitFields("is_rmp_initialized")]
    [FieldOffset(3)]
    public byte RmpFlags;

    /// <summary>Firmware build number.</summary>
    [FieldOffset(4)]
    public uint BuildId;

    /// <summary>See <see cref="SnpStatusFlags"/>.</summary>
    [CBitFields("mask_chip_id")]
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Count of active guests.</summary>
    [FieldOffset(12)]
    public uint GuestCount;

    /// <summary>TCB version of the running firmware.</summary>
    [FieldOffset(16)]
    public ulong CurrentTcbVersion;

    /// <summary>TCB version that reports show.</summary>
    [FieldOffset(24)]
    public ulong ReportedTcbVersion;
}
