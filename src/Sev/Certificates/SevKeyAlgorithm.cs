namespace KvmSevVmm.Sev.Certificates;

/// <summary>The algorithm of a key or a signature in an SEV certificate.</summary>
/// <remarks>Source: AMD SEV API 55766, algorithm encoding.</remarks>
public enum SevKeyAlgorithm : uint
{
    /// <summary>No algorithm: an unused signature slot.</summary>
    None = 0x000,

    /// <summary>RSASSA-PSS with SHA-256.</summary>
    RsaSha256 = 0x001,

    /// <summary>ECDSA with SHA-256.</summary>
    EcdsaSha256 = 0x002,

    /// <summary>ECDH with SHA-256.</summary>
    EcdhSha256 = 0x003,

    /// <summary>RSASSA-PSS with SHA-384.</summary>
    RsaSha384 = 0x101,

    /// <summary>ECDSA with SHA-384.</summary>
    EcdsaSha384 = 0x102,

    /// <summary>ECDH with SHA-384.</summary>
    EcdhSha384 = 0x103,
}
