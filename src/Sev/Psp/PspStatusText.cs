namespace KvmSevVmm.Sev.Psp;

/// <summary>The specifications' names of <see cref="PspStatus"/>.</summary>
public static class PspStatusText
{
    /// <summary>The name of a status, such as POLICY_FAILURE.</summary>
    /// <param name="status">Any value, also one that no specification names.</param>
    public static string NameOf(PspStatus status) => status switch
    {
        PspStatus.Success => "SUCCESS",
        PspStatus.InvalidPlatformState => "INVALID_PLATFORM_STATE",
        PspStatus.InvalidGuestState => "INVALID_GUEST_STATE",
        PspStatus.InvalidConfig => "INVALID_CONFIG",
        PspStatus.InvalidLength => "INVALID_LENGTH",
        PspStatus.AlreadyOwned => "ALREADY_OWNED",
        PspStatus.InvalidCertificate => "INVALID_CERTIFICATE",
        PspStatus.PolicyFailure => "POLICY_FAILURE",
        PspStatus.Inactive => "INACTIVE",
        PspStatus.InvalidAddress => "INVALID_ADDRESS",
        PspStatus.BadSignature => "BAD_SIGNATURE",
        PspStatus.BadMeasurement => "BAD_MEASUREMENT",
        PspStatus.AsidOwned => "ASID_OWNED",
        PspStatus.InvalidAsid => "INVALID_ASID",
        PspStatus.WbinvdRequired => "WBINVD_REQUIRED",
        PspStatus.DfFlushRequired => "DFFLUSH_REQUIRED",
        PspStatus.InvalidGuest => "INVALID_GUEST",
        PspStatus.InvalidCommand => "INVALID_COMMAND",
        PspStatus.Active => "ACTIVE",
        PspStatus.HardwareErrorPlatform => "HWERROR_PLATFORM",
        PspStatus.HardwareErrorUnsafe => "HWERROR_UNSAFE",
        PspStatus.Unsupported => "UNSUPPORTED",
        PspStatus.InvalidParam => "INVALID_PARAM",
        PspStatus.ResourceLimit => "RESOURCE_LIMIT",
        PspStatus.SecureDataInvalid => "SECURE_DATA_INVALID",
        PspStatus.InvalidPageSize => "INVALID_PAGE_SIZE",
        PspStatus.InvalidPageState => "INVALID_PAGE_STATE",
        PspStatus.InvalidMetadataEntry => "INVALID_MDATA_ENTRY",
        PspStatus.InvalidPageOwner => "INVALID_PAGE_OWNER",
        PspStatus.AeadOverflow => "AEAD_OFLOW",
        PspStatus.RmpInitializationRequired => "RMP_INIT_REQUIRED",
        PspStatus.BadSvn => "BAD_SVN",
        PspStatus.BadVersion => "BAD_VERSION",
        PspStatus.ShutdownRequired => "SHUTDOWN_REQUIRED",
        PspStatus.UpdateFailed => "UPDATE_FAILED",
        PspStatus.RestoreRequired => "RESTORE_REQUIRED",
        PspStatus.RmpInitializationFailed => "RMP_INITIALIZATION_FAILED",
        PspStatus.InvalidKey => "INVALID_KEY",
        _ => "unknown status",
    };
}
