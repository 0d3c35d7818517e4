namespace KvmSevVmm.Sev.Commands;

/// <summary>The state of the platform in the firmware.</summary>
/// <remarks>Source: AMD SEV API 55766, PLATFORM_STATUS.</remarks>
public enum SevPlatformState
{
    /// <summary>PSTATE.UNINIT: not initialised.</summary>
    Uninitialized = 0,

    /// <summary>PSTATE.INIT: initialised, without guests.</summary>
    Initialized = 1,

    /// <summary>PSTATE.WORKING: has guests.</summary>
    Working = 2,
}
