namespace KvmSevVmm.Sev.Attestation;

/// <summary>Which key signed a SEV-SNP attestation report.</summary>
/// <remarks>Source: AMD SNP ABI 56860, ATTESTATION_REPORT, SIGNING_KEY.</remarks>
public enum SnpSigningKey
{
    /// <summary>VCEK: the chip's own.</summary>
    Vcek = 0,

    /// <summary>VLEK: the one that a cloud provider loaded.</summary>
    Vlek = 1,

    /// <summary>NONE: the report is not signed.</summary>
    None = 7,
}
