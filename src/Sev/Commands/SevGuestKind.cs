namespace KvmSevVmm.Sev.Commands;

/// <summary>What a guest that SEV commands launch is.</summary>
public enum SevGuestKind
{
    /// <summary>SEV: memory is encrypted.</summary>
    Sev = 0,

    /// <summary>SEV-ES: memory and registers are encrypted.</summary>
    SevEs = 1,

    /// <summary>SEV-SNP: both, and memory has integrity.</summary>
    SevSnp = 2,
}
