namespace KvmSevVmm.Sev.Attestation;

/// <summary>What AMD's key distribution service is asked for.</summary>
public enum KdsResource
{
    /// <summary>The endorsement key's certificate, for one chip and firmware.</summary>
    Certificate = 0,

    /// <summary>The certificates above it: ASK or ASVK, then ARK, as PEM.</summary>
    CertificateChain = 1,

    /// <summary>The list of revoked certificates, as DER.</summary>
    RevocationList = 2,
}
