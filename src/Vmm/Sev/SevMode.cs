namespace KvmSevVmm.Vmm.Sev;

/// <summary>What protects the guest's memory.</summary>
public enum SevMode
{
    /// <summary>Nothing: an ordinary virtual machine.</summary>
    None = 0,

    /// <summary>A C-bit alias stands in for the hardware. Nothing is encrypted and nothing is confidential.</summary>
    Simulated = 1,

    /// <summary>AMD SEV: memory encryption.</summary>
    Sev = 2,

    /// <summary>AMD SEV-ES: memory and register state encrypted.</summary>
    SevEs = 3,

    /// <summary>AMD SEV-SNP: encryption with integrity by the reverse map table.</summary>
    SevSnp = 4,
}
