namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The rows of <see cref="ErrorHints"/> for what the firmware answers, whatever the command.</summary>
/// <remarks>Sources: AMD SEV API 55766 and SNP ABI 56860, status codes; the kernel's header linux/psp-sev.h.</remarks>
internal static class SevFirmwareHints
{
    /// <summary>What stands for every command of the firmware in the table.</summary>
    public const string AnyCommand = "SEV firmware";

    /// <summary>What to do about a status that no table names.</summary>
    public const string UnknownStatus
        = "Look it up in AMD's specifications (55766 for SEV, 56860 for SEV-SNP), read what ccp wrote to dmesg, and update kvmsev.";

    /// <summary>The rows.</summary>
    public static IReadOnlyList<ErrorHint> Rows { get; } =
    [
        Row(SevFirmwareStatus.InvalidPlatformState, "The platform is not initialised: read what ccp wrote to dmesg."),
        Row(
            SevFirmwareStatus.InvalidGuestState,
            "The launch is not at the step that allows this command: launch the guest anew; if that does not help, it is a bug of "
            + "kvmsev."),
        Row(
            SevFirmwareStatus.InvalidConfig,
            "The platform is not set up for this: check the SEV settings of the firmware set-up, and read what ccp wrote to dmesg."),
        Row(SevFirmwareStatus.InvalidLen, "A length is not the one that this firmware knows: update the host's SEV firmware, and kvmsev."),
        Row(SevFirmwareStatus.AlreadyOwned, "The platform has an owner already: SEV_FACTORY_RESET gives it back to itself."),
        Row(
            SevFirmwareStatus.InvalidCertificate,
            "It is cut off, of another kind, or in another form than AMD's binary one: get it again from whoever made it."),
        Row(SevFirmwareStatus.PolicyFailure, "Agree on another policy with the guest's owner, or use a host that meets this one."),
        Row(SevFirmwareStatus.Inactive, "The kernel has taken the guest's ASID away: launch the guest anew."),
        Row(
            SevFirmwareStatus.InvalidAddress,
            "The kernel gave the firmware an address that it refuses: read dmesg, and update the kernel."),
        Row(SevFirmwareStatus.BadSignature, "It was changed on the way, or signed by another key: get it again from whoever made it."),
        Row(
            SevFirmwareStatus.BadMeasurement,
            "It was changed on the way, or made for another guest, another platform or another key: get it again from whoever made it."),
        Row(
            SevFirmwareStatus.AsidOwned,
            "Kernel and firmware disagree about who has which ASID: end the other SEV guests, or restart the host."),
        Row(
            SevFirmwareStatus.InvalidAsid,
            "The policy's ES bit and the kind of VM must agree; if they do, the firmware set-up divides the ASIDs otherwise than "
            + "kvm_amd thinks: reload it."),
        Row(SevFirmwareStatus.InvalidGuest, "The platform was shut down or reset since the guest began: launch the guest anew."),
        Row(SevFirmwareStatus.InvalidCommand, "This firmware is too old for the command: update it."),
        Row(SevFirmwareStatus.Active, "The kernel has not taken the guest's ASID back yet: end the guest, and try again."),
        Row(SevFirmwareStatus.HwsevRetPlatform, "Try again; if it stays, restart the host and look for hardware errors in dmesg."),
        Row(SevFirmwareStatus.HwsevRetUnsafe, "Restart the host, and look for hardware errors in dmesg."),
        Row(
            SevFirmwareStatus.Unsupported,
            "This processor or firmware cannot do it, or the firmware set-up has it off: update the firmware, and look at SEV-ES and "
            + "SEV-SNP there."),
        Row(SevFirmwareStatus.InvalidParam, "The firmware knows a parameter otherwise: update the host's SEV firmware, and kvmsev."),
        Row(SevFirmwareStatus.ResourceLimit, "The firmware holds as many guests as it can: end another SEV guest."),
        Row(
            SevFirmwareStatus.SecureDataInvalid,
            "The platform's stored keys are damaged: SEV_FACTORY_RESET makes new ones; with ccp's init_ex_path, look at that file."),
        Row(SevFirmwareStatus.AeadOflow, "The guest's message counter has run out: launch the guest anew."),
        Row(SevFirmwareStatus.ExitRingBuffer, "Another program sends the firmware commands by the ring buffer: end it, and try again."),
        Row(
            SevFirmwareStatus.RmpInitRequired,
            "SNP is not initialised: kvm_amd needs sev_snp=1, the firmware set-up memory for the reverse map table; then restart."),
        Row(SevFirmwareStatus.BadSvn, "An older firmware than the committed one was offered: install a newer one."),
        Row(SevFirmwareStatus.BadVersion, "The firmware is older than this needs, or than the committed one: update it."),
        Row(SevFirmwareStatus.ShutdownRequired, "End all SEV guests and reload ccp and kvm_amd, or restart the host."),
        Row(
            SevFirmwareStatus.RmpInitializationFailed,
            "Give the reverse map table its memory in the firmware set-up (SNP memory coverage), and restart the host."),
        Row(SevFirmwareStatus.InvalidKey, "The key is not loaded or not the platform's: load the VLEK again, or ask for the VCEK."),
        Row(SevFirmwareStatus.ShutdownIncomplete, "End all SEV guests, and try again; or restart the host."),
        Row(
            SevFirmwareStatus.IncorrectBufferLength,
            "A length is not the one that this firmware knows: update the host's SEV firmware, and kvmsev."),
        Row(SevFirmwareStatus.ExpandBufferLengthRequest, "The answer is longer than kvmsev expects: update kvmsev."),
        Row(SevFirmwareStatus.InUse, "Another program uses it: end that, and try again."),
        .. RowsOf(
            "The kernel left out a step before this command: update it; ending the other SEV guests and trying again may do.",
            SevFirmwareStatus.WbinvdRequired,
            SevFirmwareStatus.DfflushRequired),
        .. RowsOf(
            "Kernel and firmware disagree about the reverse map table: read dmesg, update the kernel, and restart the host if it stays.",
            SevFirmwareStatus.InvalidPageSize,
            SevFirmwareStatus.InvalidPageState,
            SevFirmwareStatus.InvalidMdataEntry,
            SevFirmwareStatus.InvalidPageOwner),
        .. RowsOf(
            "An update of the firmware is not finished: read what ccp wrote to dmesg, and restart the host.",
            SevFirmwareStatus.UpdateFailed,
            SevFirmwareStatus.RestoreRequired),
        .. RowsOf(
            "It belongs to trusted device assignment, which kvmsev does not use: read dmesg, and update the firmware.",
            SevFirmwareStatus.SpdmRequest,
            SevFirmwareStatus.SpdmError,
            SevFirmwareStatus.SevStatusErrInDevConn,
            SevFirmwareStatus.SevStatusInvalidDevCtx,
            SevFirmwareStatus.SevStatusInvalidTdiCtx,
            SevFirmwareStatus.SevStatusInvalidTdi,
            SevFirmwareStatus.SevStatusReclaimRequired,
            SevFirmwareStatus.SevStatusInvalidDevState,
            SevFirmwareStatus.SevStatusInvalidTdiState,
            SevFirmwareStatus.SevStatusDevCertChanged,
            SevFirmwareStatus.SevStatusResyncReq,
            SevFirmwareStatus.SevStatusResponseTooLarge),
    ];

    private static ErrorHint Row(SevFirmwareStatus status, string text) => new(AnyCommand, Errno.EIO, text, status);

    /// <summary>One cure for several answers.</summary>
    private static IEnumerable<ErrorHint> RowsOf(string text, params SevFirmwareStatus[] statuses) =>
        statuses.Select(status => Row(status, text));
}
