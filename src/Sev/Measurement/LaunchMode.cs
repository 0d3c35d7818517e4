namespace KvmSevVmm.Sev.Measurement;

/// <summary>How a guest is protected, and so how its launch digest is computed.</summary>
public enum LaunchMode
{
    /// <summary>SEV: SHA-256 over what was launched.</summary>
    Sev = 1,

    /// <summary>SEV-ES: SHA-256 over what was launched and the VMSA of each vCPU.</summary>
    SevEs = 2,

    /// <summary>SEV-SNP: a chain of SHA-384 over every page and the VMSA of each vCPU.</summary>
    Snp = 3,
}
