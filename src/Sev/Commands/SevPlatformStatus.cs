namespace KvmSevVmm.Sev.Commands;

/// <summary>What PLATFORM_STATUS returns.</summary>
/// <param name="Firmware">The firmware's version.</param>
/// <param name="State">The platform's state.</param>
/// <param name="IsExternallyOwned">True when an owner has signed the platform's key (flag bit 0).</param>
/// <param name="IsEsEnabled">True when the firmware is set up for SEV-ES guests (flag bit 8).</param>
/// <param name="GuestCount">Guests that the firmware knows.</param>
public readonly record struct SevPlatformStatus(
    SevFirmwareVersion Firmware, SevPlatformState State, bool IsExternallyOwned, bool IsEsEnabled, uint GuestCount);
