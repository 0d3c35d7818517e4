namespace KvmSevVmm.Sev.Psp;

/// <summary>The status codes of AMD's SEV firmware.</summary>
/// <remarks>Source: AMD SEV API 55766, status codes; the SNP ones from AMD SNP ABI 56860. Names as the specifications have them.</remarks>
public enum PspStatus : uint
{
    /// <summary>SUCCESS: the command was executed.</summary>
    Success = 0x00,

    /// <summary>INVALID_PLATFORM_STATE: the platform state does not allow the command.</summary>
    InvalidPlatformState = 0x01,

    /// <summary>INVALID_GUEST_STATE: the guest state does not allow the command.</summary>
    InvalidGuestState = 0x02,

    /// <summary>INVALID_CONFIG: the platform configuration is invalid.</summary>
    InvalidConfig = 0x03,

    /// <summary>INVALID_LENGTH: a buffer has the wrong length.</summary>
    InvalidLength = 0x04,

    /// <summary>ALREADY_OWNED: the platform already has an owner.</summary>
    AlreadyOwned = 0x05,

    /// <summary>INVALID_CERTIFICATE: a certificate is malformed or of the wrong kind.</summary>
    InvalidCertificate = 0x06,

    /// <summary>POLICY_FAILURE: the guest policy forbids the command.</summary>
    PolicyFailure = 0x07,

    /// <summary>INACTIVE: the guest has no ASID.</summary>
    Inactive = 0x08,

    /// <summary>INVALID_ADDRESS: an address is out of range or misaligned.</summary>
    InvalidAddress = 0x09,

    /// <summary>BAD_SIGNATURE: a signature does not verify.</summary>
    BadSignature = 0x0A,

    /// <summary>BAD_MEASUREMENT: a keyed hash does not match.</summary>
    BadMeasurement = 0x0B,

    /// <summary>ASID_OWNED: the ASID belongs to another guest.</summary>
    AsidOwned = 0x0C,

    /// <summary>INVALID_ASID: the ASID is out of range.</summary>
    InvalidAsid = 0x0D,

    /// <summary>WBINVD_REQUIRED: caches must be written back and invalidated first.</summary>
    WbinvdRequired = 0x0E,

    /// <summary>DFFLUSH_REQUIRED: DF_FLUSH must be issued first.</summary>
    DfFlushRequired = 0x0F,

    /// <summary>INVALID_GUEST: the guest handle is unknown.</summary>
    InvalidGuest = 0x10,

    /// <summary>INVALID_COMMAND: the command is unknown.</summary>
    InvalidCommand = 0x11,

    /// <summary>ACTIVE: the guest already has an ASID.</summary>
    Active = 0x12,

    /// <summary>HWERROR_PLATFORM: a hardware condition that the platform recovers from by a reset.</summary>
    HardwareErrorPlatform = 0x13,

    /// <summary>HWERROR_UNSAFE: a hardware condition that makes further use unsafe.</summary>
    HardwareErrorUnsafe = 0x14,

    /// <summary>UNSUPPORTED: the feature is not supported.</summary>
    Unsupported = 0x15,

    /// <summary>INVALID_PARAM: a parameter is invalid.</summary>
    InvalidParam = 0x16,

    /// <summary>RESOURCE_LIMIT: the firmware ran out of a resource.</summary>
    ResourceLimit = 0x17,

    /// <summary>SECURE_DATA_INVALID: data that the firmware keeps failed its integrity check.</summary>
    SecureDataInvalid = 0x18,

    /// <summary>INVALID_PAGE_SIZE: the page size differs from the reverse map table's.</summary>
    InvalidPageSize = 0x19,

    /// <summary>INVALID_PAGE_STATE: the page is in the wrong reverse map table state.</summary>
    InvalidPageState = 0x1A,

    /// <summary>INVALID_MDATA_ENTRY: a metadata entry is invalid.</summary>
    InvalidMetadataEntry = 0x1B,

    /// <summary>INVALID_PAGE_OWNER: the page belongs to another guest.</summary>
    InvalidPageOwner = 0x1C,

    /// <summary>AEAD_OFLOW: the sequence number of the guest channel would overflow.</summary>
    AeadOverflow = 0x1D,

    /// <summary>RMP_INIT_REQUIRED: the reverse map table must be initialised first.</summary>
    RmpInitializationRequired = 0x20,

    /// <summary>BAD_SVN: the security version is below the committed one.</summary>
    BadSvn = 0x21,

    /// <summary>BAD_VERSION: the version is below the committed one.</summary>
    BadVersion = 0x22,

    /// <summary>SHUTDOWN_REQUIRED: the platform must be shut down first.</summary>
    ShutdownRequired = 0x23,

    /// <summary>UPDATE_FAILED: a firmware update failed.</summary>
    UpdateFailed = 0x24,

    /// <summary>RESTORE_REQUIRED: the previous firmware must be restored.</summary>
    RestoreRequired = 0x25,

    /// <summary>RMP_INITIALIZATION_FAILED: the reverse map table could not be initialised.</summary>
    RmpInitializationFailed = 0x26,

    /// <summary>INVALID_KEY: the key is invalid for this use.</summary>
    InvalidKey = 0x27,
}
