namespace KvmSevVmm.Sev.Certificates;

/// <summary>A generation of AMD EPYC processors, by the name of AMD's root key.</summary>
public enum SevGeneration
{
    /// <summary>EPYC 7001: SEV.</summary>
    Naples = 1,

    /// <summary>EPYC 7002: SEV-ES.</summary>
    Rome = 2,

    /// <summary>EPYC 7003: SEV-SNP.</summary>
    Milan = 3,

    /// <summary>EPYC 9004, 97x4 (Bergamo) and 8004 (Siena).</summary>
    Genoa = 4,

    /// <summary>EPYC 9005.</summary>
    Turin = 5,
}
