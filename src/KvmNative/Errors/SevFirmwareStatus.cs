using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative.Errors;

/// <summary>What the PSP firmware answers to a SEV command.</summary>
/// <remarks>Source: the kernel header linux/psp-sev.h, Linux 7.2. <see cref="SevFirmwareStatusText"/> gives name and meaning.</remarks>
[CConstants("SEV_RET_")]
public enum SevFirmwareStatus
{
    /// <summary>The firmware was not called: the kernel refused the command before.</summary>
    NoFwCall = -1,

    /// <summary>The command succeeded.</summary>
    Success = 0x00,

    /// <summary>The platform's state does not allow this command.</summary>
    InvalidPlatformState = 0x01,

    /// <summary>The guest's state does not allow this command.</summary>
    InvalidGuestState = 0x02,

    /// <summary>The platform's configuration is invalid.</summary>
    [CName("SEV_RET_INAVLID_CONFIG")]
    InvalidConfig = 0x03,

    /// <summary>A buffer is too small; the command wrote the length that it needs.</summary>
    InvalidLen = 0x04,

    /// <summary>The platform already has an owner.</summary>
    AlreadyOwned = 0x05,

    /// <summary>A certificate is malformed or of the wrong kind.</summary>
    InvalidCertificate = 0x06,

    /// <summary>The guest's policy forbids this.</summary>
    PolicyFailure = 0x07,

    /// <summary>The guest has no ASID.</summary>
    Inactive = 0x08,

    /// <summary>An address is invalid or badly aligned.</summary>
    InvalidAddress = 0x09,

    /// <summary>A signature does not verify.</summary>
    BadSignature = 0x0A,

    /// <summary>A measurement or authentication code does not match.</summary>
    BadMeasurement = 0x0B,

    /// <summary>The ASID belongs to another guest.</summary>
    AsidOwned = 0x0C,

    /// <summary>The ASID is out of range.</summary>
    InvalidAsid = 0x0D,

    /// <summary>The caches must be written back first.</summary>
    WbinvdRequired = 0x0E,

    /// <summary>The data fabric must be flushed first.</summary>
    DfflushRequired = 0x0F,

    /// <summary>The guest handle is unknown.</summary>
    InvalidGuest = 0x10,

    /// <summary>The firmware does not know this command.</summary>
    InvalidCommand = 0x11,

    /// <summary>The guest still has an ASID.</summary>
    Active = 0x12,

    /// <summary>The hardware failed; the platform stays usable.</summary>
    HwsevRetPlatform = 0x13,

    /// <summary>The hardware failed; the platform is no longer safe to use.</summary>
    HwsevRetUnsafe = 0x14,

    /// <summary>The platform does not support this.</summary>
    Unsupported = 0x15,

    /// <summary>A parameter is invalid.</summary>
    InvalidParam = 0x16,

    /// <summary>The firmware ran out of a resource.</summary>
    ResourceLimit = 0x17,

    /// <summary>The firmware's stored data failed their check.</summary>
    SecureDataInvalid = 0x18,

    /// <summary>A page has the wrong size in the reverse map table.</summary>
    InvalidPageSize = 0x19,

    /// <summary>A page has the wrong state in the reverse map table.</summary>
    InvalidPageState = 0x1A,

    /// <summary>A metadata entry is invalid.</summary>
    InvalidMdataEntry = 0x1B,

    /// <summary>A page belongs to another guest.</summary>
    InvalidPageOwner = 0x1C,

    /// <summary>The counter of the authenticated encryption ran over.</summary>
    AeadOflow = 0x1D,

    /// <summary>The firmware left its ring-buffer mode.</summary>
    ExitRingBuffer = 0x1F,

    /// <summary>The reverse map table must be initialised first.</summary>
    RmpInitRequired = 0x20,

    /// <summary>The security version of the image is too low.</summary>
    BadSvn = 0x21,

    /// <summary>The firmware version is too low.</summary>
    BadVersion = 0x22,

    /// <summary>The platform must be shut down first.</summary>
    ShutdownRequired = 0x23,

    /// <summary>The firmware update failed; the old firmware stays.</summary>
    UpdateFailed = 0x24,

    /// <summary>The committed firmware must be restored first.</summary>
    RestoreRequired = 0x25,

    /// <summary>The reverse map table could not be initialised.</summary>
    RmpInitializationFailed = 0x26,

    /// <summary>The key is invalid or absent.</summary>
    InvalidKey = 0x27,

    /// <summary>The shutdown did not finish; a guest or page is still bound.</summary>
    ShutdownIncomplete = 0x28,

    /// <summary>A buffer has the wrong length.</summary>
    IncorrectBufferLength = 0x30,

    /// <summary>The command needs a larger buffer.</summary>
    ExpandBufferLengthRequest = 0x31,

    /// <summary>The firmware asks the host to pass a message to a device.</summary>
    SpdmRequest = 0x32,

    /// <summary>A message exchange with a device failed.</summary>
    SpdmError = 0x33,

    /// <summary>The connection to a device failed.</summary>
    SevStatusErrInDevConn = 0x35,

    /// <summary>A device context is invalid.</summary>
    SevStatusInvalidDevCtx = 0x36,

    /// <summary>A device-interface context is invalid.</summary>
    SevStatusInvalidTdiCtx = 0x37,

    /// <summary>A device interface is unknown.</summary>
    SevStatusInvalidTdi = 0x38,

    /// <summary>A device resource must be reclaimed first.</summary>
    SevStatusReclaimRequired = 0x39,

    /// <summary>The resource is in use.</summary>
    InUse = 0x3A,

    /// <summary>The device's state does not allow this command.</summary>
    SevStatusInvalidDevState = 0x3B,

    /// <summary>The device interface's state does not allow this command.</summary>
    SevStatusInvalidTdiState = 0x3C,

    /// <summary>A device's certificate changed.</summary>
    SevStatusDevCertChanged = 0x3D,

    /// <summary>The session with a device must be synchronised again.</summary>
    SevStatusResyncReq = 0x3E,

    /// <summary>A device's answer does not fit.</summary>
    SevStatusResponseTooLarge = 0x3F,
}
