namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// What a refused call must lead to, by the rule in RATIONALE.md ("Firmware refusals and exit codes"), not by what the program prints.
/// Names and numbers are those of errno(3), of AMD's specifications (55766, 56860) and of the kernel's headers.
/// </summary>
internal static class RefusalRule
{
    /// <summary>The status of a command that the kernel refused without asking the firmware.</summary>
    public const uint NotCalled = 0xFFFFFFFF;

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
        ["SEV_LAUNCH_START", "SEV_LAUNCH_SECRET", "SEV_SNP_LAUNCH_START", "SEV_SNP_LAUNCH_FINISH", "PSP_PEK_CERT_IMPORT"];

    /// <summary>What the firmware can answer: the name, and words without which no text tells what it means.</summary>
    private static readonly Dictionary<uint, (string Name, string Meaning)> FirmwareStatus = new()
    {
        [0x01] = ("INVALID_PLATFORM_STATE", "platform's state"),
        [0x02] = ("INVALID_GUEST_STATE", "guest's state"),
        [0x03] = ("INVALID_CONFIG", "configuration"),
        [0x04] = ("INVALID_LEN", "too small"),
        [0x05] = ("ALREADY_OWNED", "owner"),
        [0x06] = ("INVALID_CERTIFICATE", "certificate"),
        [0x07] = ("POLICY_FAILURE", "policy"),
        [0x08] = ("INACTIVE", "no ASID"),
        [0x09] = ("INVALID_ADDRESS", "address"),
        [0x0A] = ("BAD_SIGNATURE", "signature"),
        [0x0B] = ("BAD_MEASUREMENT", "measurement"),
        [0x0C] = ("ASID_OWNED", "another guest"),
        [0x0D] = ("INVALID_ASID", "out of range"),
        [0x0E] = ("WBINVD_REQUIRED", "caches"),
        [0x0F] = ("DFFLUSH_REQUIRED", "data fabric"),
        [0x10] = ("INVALID_GUEST", "handle"),
        [0x11] = ("INVALID_COMMAND", "does not know"),
        [0x12] = ("ACTIVE", "has an ASID"),
        [0x13] = ("HWSEV_RET_PLATFORM", "hardware failed"),
        [0x14] = ("HWSEV_RET_UNSAFE", "no longer safe"),
        [0x15] = ("UNSUPPORTED", "not support"),
        [0x16] = ("INVALID_PARAM", "parameter"),
        [0x17] = ("RESOURCE_LIMIT", "resource"),
        [0x18] = ("SECURE_DATA_INVALID", "stored data"),
        [0x19] = ("INVALID_PAGE_SIZE", "wrong size"),
        [0x1A] = ("INVALID_PAGE_STATE", "wrong state"),
        [0x1B] = ("INVALID_MDATA_ENTRY", "metadata entry"),
        [0x1C] = ("INVALID_PAGE_OWNER", "another guest"),
        [0x1D] = ("AEAD_OFLOW", "counter"),
        [0x1F] = ("EXIT_RING_BUFFER", "ring-buffer"),
        [0x20] = ("RMP_INIT_REQUIRED", "must be initialised"),
        [0x21] = ("BAD_SVN", "security version"),
        [0x22] = ("BAD_VERSION", "version is too low"),
        [0x23] = ("SHUTDOWN_REQUIRED", "shut down first"),
        [0x24] = ("UPDATE_FAILED", "update failed"),
        [0x25] = ("RESTORE_REQUIRED", "restored"),
        [0x26] = ("RMP_INITIALIZATION_FAILED", "could not be initialised"),
        [0x27] = ("INVALID_KEY", "key"),
        [0x28] = ("SHUTDOWN_INCOMPLETE", "did not finish"),
        [0x30] = ("INCORRECT_BUFFER_LENGTH", "wrong length"),
        [0x31] = ("EXPAND_BUFFER_LENGTH_REQUEST", "larger buffer"),
        [0x32] = ("SPDM_REQUEST", "message to a device"),
        [0x33] = ("SPDM_ERROR", "exchange with a device"),
        [0x35] = ("ERR_IN_DEV_CONN", "connection to a device"),
        [0x36] = ("INVALID_DEV_CTX", "device context"),
        [0x37] = ("INVALID_TDI_CTX", "device-interface context"),
        [0x38] = ("INVALID_TDI", "device interface"),
        [0x39] = ("RECLAIM_REQUIRED", "reclaimed"),
        [0x3A] = ("IN_USE", "in use"),
        [0x3B] = ("INVALID_DEV_STATE", "device's state"),
        [0x3C] = ("INVALID_TDI_STATE", "device interface's state"),
        [0x3D] = ("DEV_CERT_CHANGED", "certificate changed"),
        [0x3E] = ("RESYNC_REQ", "synchronised"),
        [0x3F] = ("RESPONSE_TOO_LARGE", "answer"),

        // A status that no specification has: the next firmware's.
        [0x7F] = ("unknown status", "newer than this program"),
    };

    /// <summary>Every error number that a call is made to fail with.</summary>
    public static IEnumerable<string> ErrorNumbers => ["EINVAL", "EIO", "EBUSY", "ENOMEM", "ENOTTY"];

    /// <summary>Every status that the firmware has, and one that it has not.</summary>
    public static IEnumerable<uint> FirmwareStatuses => FirmwareStatus.Keys;

    /// <summary>Whether the call goes to the firmware, so that it has a status to answer.</summary>
    /// <param name="call">The call, by its name in the log.</param>
    public static bool ReachesFirmware(string call) =>
        call.StartsWith("SEV_", StringComparison.Ordinal) || call.StartsWith("PSP_", StringComparison.Ordinal);

    /// <summary>The exit code.</summary>
    /// <param name="failure">What failed.</param>
    public static int ExitCodeFor(SevFailure failure) => failure switch
    {
        { Firmware: null or NotCalled } => Errnos[failure.Errno].ExitCode,

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
        string firmware = failure.Firmware switch
        {
            null => string.Empty,
            NotCalled => ", firmware NO_FW_CALL (-1). ",
            uint status => $", firmware {FirmwareStatus[status].Name} (0x{status:X2}). ",
        };
        return $"{call} failed: {failure.Errno} ({Errnos[failure.Errno].Number}){firmware}";
    }

    /// <summary>What is wrong about how the program ended: its exit code, its words, or more of them than one line and its hint.</summary>
    /// <param name="failure">What failed.</param>
    /// <param name="exitCode">The exit code.</param>
    /// <param name="error">Its stderr.</param>
    public static IEnumerable<string> ProblemsOf(SevFailure failure, int exitCode, string error)
    {
        if (exitCode != ExitCodeFor(failure))
        {
            yield return $"exit code {exitCode}, not {ExitCodeFor(failure)}";
        }

        // What failed and what it means, then cause and cure; nothing else.
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines is not [string first, string hint]
            || !first.StartsWith("kvmsev: ", StringComparison.Ordinal) || !hint.StartsWith("  hint: ", StringComparison.Ordinal))
        {
            yield return $"this is not one line and its hint: {error}";
            yield break;
        }

        if (!first.Contains(LineFor(failure), StringComparison.Ordinal))
        {
            yield return $"'{LineFor(failure)}' is not in: {first}";
        }

        if (failure.Firmware is uint status && !first.Contains(MeaningOf(status), StringComparison.OrdinalIgnoreCase))
        {
            yield return $"the meaning of the firmware's status is missing: {first}";
        }
    }

    /// <summary>Words that the first line must have for its reader to know what the firmware means.</summary>
    /// <param name="status">The firmware's status.</param>
    private static string MeaningOf(uint status) => status == NotCalled ? "was not called" : FirmwareStatus[status].Meaning;
}
