namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Command of SEV_ISSUE_CMD on /dev/sev.</summary>
/// <remarks>Source: the kernel header linux/psp-sev.h, Linux 7.2.</remarks>
[CConstants("SEV_")]
public enum PlatformCommandId : uint
{
    /// <summary>Deletes the platform's identity.</summary>
    FactoryReset = 0,

    /// <summary>Returns firmware version, state and guest count.</summary>
    PlatformStatus = 1,

    /// <summary>Makes a new platform endorsement key.</summary>
    PekGen = 2,

    /// <summary>Returns a signing request for that key.</summary>
    PekCsr = 3,

    /// <summary>Makes a new platform Diffie-Hellman key.</summary>
    PdhGen = 4,

    /// <summary>Returns the Diffie-Hellman certificate and its chain.</summary>
    PdhCertExport = 5,

    /// <summary>Installs a signed endorsement key: the platform becomes owned.</summary>
    PekCertImport = 6,

    /// <summary>Deprecated; use <see cref="GetId2"/>.</summary>
    GetId = 7,

    /// <summary>Returns the chip's identifiers.</summary>
    GetId2 = 8,

    /// <summary>Returns the SNP state and TCB versions.</summary>
    [CName("SNP_PLATFORM_STATUS")]
    SnpPlatformStatus = 9,

    /// <summary>Commits the running firmware version.</summary>
    [CName("SNP_COMMIT")]
    SnpCommit = 10,

    /// <summary>Sets the reported TCB version and masks.</summary>
    [CName("SNP_SET_CONFIG")]
    SnpSetConfig = 11,

    /// <summary>Loads a versioned loaded endorsement key.</summary>
    [CName("SNP_VLEK_LOAD")]
    SnpVlekLoad = 12,
}
