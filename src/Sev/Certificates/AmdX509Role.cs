namespace KvmSevVmm.Sev.Certificates;

/// <summary>The place of an X.509 certificate in AMD's SNP hierarchy, by its subject's common name.</summary>
public enum AmdX509Role
{
    /// <summary>None of AMD's names.</summary>
    Unknown = 0,

    /// <summary>ARK: the root key, <c>ARK-Milan</c>.</summary>
    Ark = 1,

    /// <summary>ASK: signs chip keys, <c>SEV-Milan</c>.</summary>
    Ask = 2,

    /// <summary>ASVK: signs keys loaded by a cloud provider, <c>SEV-VLEK-Milan</c>.</summary>
    Asvk = 3,

    /// <summary>VCEK: the versioned key of one chip, <c>SEV-VCEK</c>.</summary>
    Vcek = 4,

    /// <summary>VLEK: the versioned key that a cloud provider loaded, <c>SEV-VLEK</c>.</summary>
    Vlek = 5,
}
