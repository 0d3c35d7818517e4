namespace KvmSevVmm.Sev.Psp;

/// <summary>The state of an SEV-SNP guest.</summary>
/// <remarks>Source: AMD SNP ABI 56860, guest state machine.</remarks>
public enum SnpGuestState : byte
{
    /// <summary>GSTATE.INIT: SNP_LAUNCH_START is still to come.</summary>
    Initialized = 0,

    /// <summary>GSTATE.LAUNCH: pages are being added and measured.</summary>
    Launch = 1,

    /// <summary>GSTATE.RUNNING: launched.</summary>
    Running = 2,
}
