namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// What a refused call must lead to, by the rule in RATIONALE.md ("Firmware refusals and exit codes"), not by what the program prints.
/// Names and numbers are those of errno(3), of AMD's specifications (55766, 56860) and of the kernel's headers.
/// </summary>
internal static class RefusalRule
{
    private static readonly Dictionary<string, (int Number, int ExitCode)> Errnos = new()
    {
        ["EPERM"] = (1, ExitCode.NoPermission),
        ["EINTR"] = (4, ExitCode.IoError),
        ["EIO"] = (5, ExitCode.IoError),
        ["ENOMEM"] = (12, ExitCode.HostLacks),
        ["EBUSY"] = (16, ExitCode.HostLacks),
        ["EINVAL"] = (22, ExitCode.HostLacks),
        ["ENOTTY"] = (25, ExitCode.HostLacks),
    };

    private static readonly HashSet<string> OwnersCommands =
        ["SEV_LAUNCH_START", "SEV_LAUNCH_SECRET", "SEV_SNP_LAUNCH_START", "SEV_SNP_LAUNCH_FINISH"];

    private static readonly Dictionary<uint, string> FirmwareNames = new()
    {
        [0x01] = "INVALID_PLATFORM_STATE",
        [0x02] = "INVALID_GUEST_STATE",
        [0x03] = "INVALID_CONFIG",
        [0x04] = "INVALID_LEN",
        [0x05] = "ALREADY_OWNED",
        [0x06] = "INVALID_CERTIFICATE",
        [0x07] = "POLICY_FAILURE",
        [0x08] = "INACTIVE",
        [0x09] = "INVALID_ADDRESS",
        [0x0A] = "BAD_SIGNATURE",
        [0x0B] = "BAD_MEASUREMENT",
        [0x0C] = "ASID_OWNED",
        [0x0D] = "INVALID_ASID",
        [0x0E] = "WBINVD_REQUIRED",
        [0x0F] = "DFFLUSH_REQUIRED",
        [0x10] = "INVALID_GUEST",
        [0x11] = "INVALID_COMMAND",
        [0x12] = "ACTIVE",
        [0x13] = "HWSEV_RET_PLATFORM",
        [0x14] = "HWSEV_RET_UNSAFE",
        [0x15] = "UNSUPPORTED",
        [0x16] = "INVALID_PARAM",
        [0x17] = "RESOURCE_LIMIT",
        [0x18] = "SECURE_DATA_INVALID",
        [0x19] = "INVALID_PAGE_SIZE",
        [0x1A] = "INVALID_PAGE_STATE",
        [0x1B] = "INVALID_MDATA_ENTRY",
        [0x1C] = "INVALID_PAGE_OWNER",
        [0x1D] = "AEAD_OFLOW",
        [0x1F] = "EXIT_RING_BUFFER",
        [0x20] = "RMP_INIT_REQUIRED",
        [0x21] = "BAD_SVN",
        [0x22] = "BAD_VERSION",
        [0x23] = "SHUTDOWN_REQUIRED",
        [0x24] = "UPDATE_FAILED",
        [0x25] = "RESTORE_REQUIRED",
        [0x26] = "RMP_INITIALIZATION_FAILED",
        [0x27] = "INVALID_KEY",
        [0x28] = "SHUTDOWN_INCOMPLETE",
    };

    /// <summary>Every error number that a call is made to fail with.</summary>
    public static IEnumerable<string> ErrorNumbers => ["EINVAL", "EIO", "EBUSY", "ENOMEM", "ENOTTY"];

    /// <summary>Every status that the firmware of a guest's launch can answer.</summary>
    public static IEnumerable<uint> FirmwareStatuses => FirmwareNames.Keys;

    /// <summary>Whether the call goes to the firmware, so that it has a status to answer.</summary>
    /// <param name="call">The call, by its name in the log.</param>
    public static bool ReachesFirmware(string call) =>
        call.StartsWith("SEV_", StringComparison.Ordinal) || call.StartsWith("PSP_", StringComparison.Ordinal);

    /// <summary>The exit code.</summary>
    /// <param name="failure">What failed.</param>
    public static int ExitCodeFor(SevFailure failure) => failure switch
    {
        { Firmware: null } => Errnos[failure.Errno].ExitCode,

        // POLICY_FAILURE: the owner's policy, whatever the command.
        { Firmware: 0x07 } => ExitCode.BadInput,

        // INVALID_LEN, INVALID_CERTIFICATE, BAD_SIGNATURE, BAD_MEASUREMENT: the owner's data, where the command carries such.
        { Firmware: 0x04 or 0x06 or 0x0A or 0x0B } when OwnersCommands.Contains(failure.Call) => ExitCode.BadInput,

        // The platform's state, set-up, owner, age, hardware, capacity and stored keys.
        { Firmware: 0x01 or 0x03 or 0x05 or 0x11 or 0x13 or 0x14 or 0x15 or 0x17 or 0x18 or (>= 0x20 and <= 0x26) } => ExitCode.HostLacks,
        _ => ExitCode.IoError,
    };

    /// <summary>What the first line names: call, error number, the firmware's status by name, as the kernel's headers have them.</summary>
    /// <param name="failure">What failed.</param>
    public static string LineFor(SevFailure failure)
    {
        string call = failure.Call switch
        {
            ['P', 'S', 'P', '_', .. string command] => command.StartsWith("SNP_", StringComparison.Ordinal) ? command : "SEV_" + command,
            ['S', 'E', 'V', '_', ..] => "KVM_" + failure.Call,
            _ => failure.Call,
        };
        string firmware = failure.Firmware is uint status ? $", firmware {FirmwareNames[status]} (0x{status:X2}). " : string.Empty;
        return $"{call} failed: {failure.Errno} ({Errnos[failure.Errno].Number}){firmware}";
    }
}
