using KvmSevVmm.Sev.Attestation;

namespace KvmSevVmm.Sev.Psp;

/// <summary>What SNP_PLATFORM_STATUS returns.</summary>
/// <param name="Firmware">The version of the SNP firmware.</param>
/// <param name="IsInitialized">True when SNP_INIT has been done.</param>
/// <param name="IsRmpInitialized">True when the reverse map table is initialised.</param>
/// <param name="GuestCount">Guests that the firmware knows.</param>
/// <param name="CurrentTcb">The security versions that run.</param>
/// <param name="ReportedTcb">The security versions that reports carry.</param>
/// <remarks>Source: AMD SNP ABI 56860, SNP_PLATFORM_STATUS.</remarks>
public readonly record struct SnpPlatformStatus(
    SnpFirmwareVersion Firmware,
    bool IsInitialized,
    bool IsRmpInitialized,
    uint GuestCount,
    TcbVersion CurrentTcb,
    TcbVersion ReportedTcb);
