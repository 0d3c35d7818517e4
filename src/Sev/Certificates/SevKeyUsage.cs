namespace KvmSevVmm.Sev.Certificates;

/// <summary>What a key in the SEV certificate hierarchy is for.</summary>
/// <remarks>Source: AMD SEV API 55766, key usage encoding.</remarks>
public enum SevKeyUsage : uint
{
    /// <summary>ARK: AMD's root key.</summary>
    Ark = 0x0000,

    /// <summary>ASK: AMD's signing key, one for each processor generation.</summary>
    Ask = 0x0013,

    /// <summary>No key: an unused signature slot.</summary>
    Invalid = 0x1000,

    /// <summary>OCA: the certificate authority of the platform's owner.</summary>
    Oca = 0x1001,

    /// <summary>PEK: the platform endorsement key.</summary>
    Pek = 0x1002,

    /// <summary>PDH: the platform's Diffie-Hellman key; the guest owner's key carries the same usage.</summary>
    Pdh = 0x1003,

    /// <summary>CEK: the chip endorsement key.</summary>
    Cek = 0x1004,
}
