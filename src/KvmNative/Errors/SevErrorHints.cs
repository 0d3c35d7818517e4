namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The rows of <see cref="ErrorHints"/> for SEV guest commands and /dev/sev.</summary>
internal static class SevErrorHints
{
    private const string NoAsid
        = "Every ASID of this kind is in use: end another SEV guest; the firmware set-up divides them between SEV and SEV-ES. "
        + "If dmesg says that the firmware stopped answering, restart the host.";

    private const string NoKind
        = "The host has no ASIDs for this kind of guest: the firmware set-up gives them to the other kind, or kvm_amd leaves it off.";

    private const string InitTwice
        = "It must come once, before the first vCPU, and on a VM of type Default.";

    private const string NeedsWrite = "Open /dev/sev for writing, as root.";

    private const string AskLength = "The answer became longer than it was a moment ago: try again.";

    private const string NoGuests
        = "The platform's identity changes only while there is no SEV guest: end them; if there is none, read what ccp wrote to dmesg.";

    /// <summary>The rows.</summary>
    public static IReadOnlyList<ErrorHint> Rows { get; } =
    [
        // Making the VM a SEV guest.
        new("KVM_SEV_INIT", Errno.EBUSY, NoAsid),
        new("KVM_SEV_INIT", Errno.ENOTTY, NoKind),
        new("KVM_SEV_INIT", Errno.EINVAL, InitTwice),
        new("KVM_SEV_ES_INIT", Errno.EBUSY, NoAsid),
        new("KVM_SEV_ES_INIT", Errno.ENOTTY, NoKind),
        new("KVM_SEV_ES_INIT", Errno.EINVAL, InitTwice),
        new("KVM_SEV_INIT2", Errno.EBUSY, NoAsid),
        new("KVM_SEV_INIT2", Errno.ENOTTY, NoKind),
        new(
            "KVM_SEV_INIT2",
            Errno.EINVAL,
            "INIT2 needs Linux 6.10, VM type SEV, SEV-ES or SNP, no vCPU yet, VMSA features that the kernel offers (none for "
            + "SEV) and GHCB version 2 at most."),

        // Launch.
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EIO,
            "The policy asks for what this guest is not: SEV-ES, a newer API version, or another domain.",
            SevFirmwareStatus.PolicyFailure),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EIO,
            "The session data were not made with this platform's Diffie-Hellman key, or not for this policy.",
            SevFirmwareStatus.BadMeasurement),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EIO,
            "The owner's Diffie-Hellman certificate is not a binary SEV certificate; decode it from base64 first.",
            SevFirmwareStatus.InvalidCertificate),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EIO,
            "The owner's certificate or session file has the wrong length; decode them from base64 first.",
            SevFirmwareStatus.InvalidLen),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EIO,
            "The firmware holds as many guests as it can: end another SEV guest.",
            SevFirmwareStatus.ResourceLimit),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EINVAL,
            "The owner's certificate and session go together, at most 16 KiB each, and a launch begins once."),
        new(
            "KVM_SEV_LAUNCH_START",
            Errno.EBUSY,
            "Another guest's end is not finished, or the firmware stopped answering: try again; then reload ccp and kvm_amd, or restart "
            + "the host."),
        new(
            "KVM_SEV_LAUNCH_UPDATE_DATA",
            Errno.EINVAL,
            "The memory must be mapped, address and length multiples of 16, the launch not measured yet, and no more memory pinned "
            + "than the host has."),
        new(
            "KVM_SEV_LAUNCH_UPDATE_DATA",
            Errno.EIO,
            "The launch is measured already: data must come before KVM_SEV_LAUNCH_MEASURE.",
            SevFirmwareStatus.InvalidGuestState),
        new("KVM_SEV_LAUNCH_UPDATE_VMSA", Errno.EBUSY, "A vCPU is being made, or the firmware stopped answering: read dmesg."),
        new("KVM_SEV_LAUNCH_UPDATE_VMSA", Errno.ENOTTY, "Only a SEV-ES guest has vCPU state to encrypt."),
        new("KVM_SEV_LAUNCH_UPDATE_VMSA", Errno.EINVAL, "The vCPU state can be encrypted once only."),
        new("KVM_SEV_LAUNCH_MEASURE", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new("KVM_SEV_LAUNCH_MEASURE", Errno.EIO, "The launch is measured already, or never began.", SevFirmwareStatus.InvalidGuestState),
        new("KVM_SEV_LAUNCH_SECRET", Errno.EINVAL, "The guest area must lie inside one physically contiguous page."),
        new(
            "KVM_SEV_LAUNCH_SECRET",
            Errno.EIO,
            "A secret can be injected only between KVM_SEV_LAUNCH_MEASURE and KVM_SEV_LAUNCH_FINISH.",
            SevFirmwareStatus.InvalidGuestState),
        new(
            "KVM_SEV_LAUNCH_SECRET",
            Errno.EIO,
            "The secret was packed for another launch: its measurement or key does not match.",
            SevFirmwareStatus.BadMeasurement),
        new(
            "KVM_SEV_LAUNCH_FINISH",
            Errno.EIO,
            "The firmware wants the launch measured first: KVM_SEV_LAUNCH_MEASURE.",
            SevFirmwareStatus.InvalidGuestState),
        new("KVM_SEV_GET_ATTESTATION_REPORT", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new(
            "KVM_SEV_GET_ATTESTATION_REPORT",
            Errno.EIO,
            "This firmware makes no such reports.",
            SevFirmwareStatus.InvalidCommand),

        // SNP launch.
        new(
            "KVM_SEV_SNP_LAUNCH_START",
            Errno.EINVAL,
            "The policy lacks bit 17 or has a bit that the kernel refuses, such as single socket, or no SMT on an older kernel; "
            + "or the launch began already."),
        new("KVM_SEV_SNP_LAUNCH_START", Errno.ENOTTY, "The firmware could not make the guest's context page: read dmesg."),
        new(
            "KVM_SEV_SNP_LAUNCH_START",
            Errno.EIO,
            "The policy asks for what the platform is not: no SMT, one socket, ciphertext hiding, or a newer API version.",
            SevFirmwareStatus.PolicyFailure),
        new(
            "KVM_SEV_SNP_LAUNCH_UPDATE",
            Errno.EIO,
            "The kernel stopped early: a signal, a page that is in place already, or a range that is not private; the firmware "
            + "did not refuse."),
        new("KVM_SEV_SNP_LAUNCH_UPDATE", Errno.EAGAIN, "The kernel stopped early: call again for the rest."),
        new(
            "KVM_SEV_SNP_LAUNCH_UPDATE",
            Errno.EINVAL,
            "The launch must have begun, the range be whole private pages of a guest_memfd memslot, and the page type a known one."),
        new(
            "KVM_SEV_SNP_LAUNCH_UPDATE",
            Errno.EIO,
            "For the CPUID page: a leaf is not what the firmware allows; it wrote the values that it expects into the page.",
            SevFirmwareStatus.InvalidParam),
        new("KVM_SEV_SNP_LAUNCH_FINISH", Errno.EINVAL, "The launch must have begun, every vCPU exist, and the flags be zero."),
        new(
            "KVM_SEV_SNP_LAUNCH_FINISH",
            Errno.EIO,
            "The launch digest is not the one that the ID block names: another firmware, kernel, vCPU count or feature set was "
            + "launched.",
            SevFirmwareStatus.BadMeasurement),
        new("KVM_SEV_SNP_LAUNCH_FINISH", Errno.EIO, "The ID block or the author's key is signed wrongly.", SevFirmwareStatus.BadSignature),
        new(
            "KVM_SEV_SNP_LAUNCH_FINISH",
            Errno.EIO,
            "The policy in the ID block is not the one of the launch.",
            SevFirmwareStatus.PolicyFailure),
        new(
            "KVM_SEV_SNP_ENABLE_REQ_CERTS",
            Errno.EINVAL,
            "It needs Linux 7.1, must come before the launch is finished, and before the first vCPU."),

        // Migration.
        new("KVM_SEV_SEND_START", Errno.EINVAL, "Every certificate must be there and at most 16 KiB long."),
        new("KVM_SEV_SEND_START", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new(
            "KVM_SEV_SEND_START",
            Errno.EIO,
            "The policy does not let the guest go: it says NOSEND, wants the same owner, or a newer API version.",
            SevFirmwareStatus.PolicyFailure),
        new("KVM_SEV_SEND_START", Errno.EIO, "A certificate of the target platform does not verify.", SevFirmwareStatus.BadSignature),
        new(
            "KVM_SEV_SEND_START",
            Errno.EIO,
            "A certificate of the target platform is malformed or of the wrong kind.",
            SevFirmwareStatus.InvalidCertificate),
        new("KVM_SEV_SEND_UPDATE_DATA", Errno.EINVAL, "One packet may not cross a 4 KiB page."),
        new("KVM_SEV_SEND_UPDATE_DATA", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new("KVM_SEV_SEND_UPDATE_VMSA", Errno.EINVAL, "Linux cannot migrate SEV-ES guests."),
        new("KVM_SEV_RECEIVE_UPDATE_VMSA", Errno.EINVAL, "Linux cannot migrate SEV-ES guests."),
        new("KVM_SEV_CERT_EXPORT", Errno.EINVAL, "Linux does not implement this command."),
        new(
            "KVM_SEV_RECEIVE_START",
            Errno.EIO,
            "The session data were not made for this platform's Diffie-Hellman key.",
            SevFirmwareStatus.BadMeasurement),
        new(
            "KVM_SEV_RECEIVE_START",
            Errno.EIO,
            "The policy does not let the guest come here: another domain, SEV-ES, or a newer API version.",
            SevFirmwareStatus.PolicyFailure),
        new("KVM_SEV_RECEIVE_UPDATE_DATA", Errno.EINVAL, "One packet may not cross a 4 KiB page, and the VM must be a SEV guest."),
        new(
            "KVM_SEV_RECEIVE_UPDATE_DATA",
            Errno.EIO,
            "The packet was changed on the way, or belongs to another guest.",
            SevFirmwareStatus.BadMeasurement),

        // Debugging.
        new("KVM_SEV_DBG_DECRYPT", Errno.EIO, "The guest's policy forbids debugging (NODBG).", SevFirmwareStatus.PolicyFailure),
        new("KVM_SEV_DBG_ENCRYPT", Errno.EIO, "The guest's policy forbids debugging (NODBG).", SevFirmwareStatus.PolicyFailure),
        new("KVM_SEV_DBG_DECRYPT", Errno.EINVAL, "The length must not be zero, and both ranges must be mapped."),
        new("KVM_SEV_DBG_ENCRYPT", Errno.EINVAL, "The length must not be zero, and both ranges must be mapped."),

        // What holds for every SEV guest command.
        new(
            "KVM_SEV_*",
            Errno.ENOTTY,
            "The VM is not a SEV guest of this kind: KVM_SEV_INIT or KVM_SEV_INIT2 comes first, and KVM must have SEV."),
        new("KVM_SEV_*", Errno.EPERM, "A SNP guest takes only the SNP commands."),
        new("KVM_SEV_*", Errno.EBADF, "The launch must begin first, with an open descriptor of /dev/sev."),
        new("KVM_SEV_*", Errno.EBUSY, "The firmware stopped answering: reload ccp and kvm_amd, or restart the host."),
        new("KVM_SEV_*", Errno.ENODEV, "The firmware is not running: read what ccp wrote to dmesg."),
        new(
            "KVM_SEV_*",
            Errno.ENOMEM,
            "Pinning the guest's memory goes over the lock limit: raise it above the guest's memory plus firmware (ulimit -l, "
            + "or LimitMEMLOCK= in a unit)."),
        new("KVM_SEV_*", Errno.EFAULT, "An address is not mapped."),
        new(
            "KVM_SEV_*",
            Errno.EINVAL,
            "The kernel does not take this command here: it is older than kvmsev needs, the VM is a mirror, or this is a bug of kvmsev; "
            + "'kvmsev doctor' shows what the kernel has."),
        new("KVM_SEV_*", Errno.ETIMEDOUT, "The firmware stopped answering: reload ccp and kvm_amd, or restart the host."),
        new("KVM_SEV_*", Errno.EIO, "The VM is dead: its SEV context was moved away, or the kernel met a fault of its own; read dmesg."),

        // /dev/sev.
        new("SEV_*", Errno.EPERM, NeedsWrite),
        new("SEV_*", Errno.ENOTTY, "This is not the PSP's device, or the kernel is too old for the command."),
        new("SEV_*", Errno.EINVAL, "The kernel does not know this platform command, or not with these arguments: use a newer one."),
        new("SEV_*", Errno.EBUSY, "The firmware stopped answering: reload ccp and kvm_amd, or restart the host."),
        new("SEV_*", Errno.ETIMEDOUT, "The firmware stopped answering: reload ccp and kvm_amd, or restart the host."),
        new("SEV_*", Errno.ENODEV, "The firmware is not running: read what ccp wrote to dmesg."),
        new("SEV_*", Errno.ENOMEM, "The host ran out of memory, or a cgroup's limit is reached."),
        new("SEV_*", Errno.EIO, "The kernel could not reach the firmware: read what ccp wrote to dmesg."),
        new("SEV_FACTORY_RESET", Errno.EPERM, NeedsWrite),
        new("SEV_FACTORY_RESET", Errno.EBUSY, "SEV guests are running: end them first."),
        new("SEV_PEK_GEN", Errno.EPERM, NeedsWrite),
        new("SEV_PEK_CSR", Errno.EPERM, NeedsWrite),
        new("SEV_PDH_GEN", Errno.EPERM, NeedsWrite),
        new("SEV_PDH_CERT_EXPORT", Errno.EPERM, "The platform is not initialised yet, which needs /dev/sev open for writing, as root."),
        new("SEV_PEK_CERT_IMPORT", Errno.EPERM, NeedsWrite),
        new(
            "SEV_PEK_CERT_IMPORT",
            Errno.EIO,
            "The platform has an owner already: SEV_FACTORY_RESET first.",
            SevFirmwareStatus.AlreadyOwned),
        new("SNP_SET_CONFIG", Errno.EPERM, NeedsWrite),
        new("SNP_VLEK_LOAD", Errno.EPERM, NeedsWrite),
        new("SNP_COMMIT", Errno.EINVAL, "SNP is not initialised on this host."),
        new("SNP_SET_CONFIG", Errno.EINVAL, "SNP is not initialised on this host."),
        new("SNP_VLEK_LOAD", Errno.EINVAL, "SNP is not initialised on this host, or the key's version is not 0."),
        new("SNP_PLATFORM_STATUS", Errno.EINVAL, "SNP is not initialised on this host."),
        new("SEV_PEK_CSR", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new("SEV_PEK_GEN", Errno.EIO, NoGuests, SevFirmwareStatus.InvalidPlatformState),
        new("SEV_PEK_CERT_IMPORT", Errno.EIO, NoGuests, SevFirmwareStatus.InvalidPlatformState),
        new("SEV_PDH_CERT_EXPORT", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
        new("SEV_GET_ID2", Errno.EIO, AskLength, SevFirmwareStatus.InvalidLen),
    ];
}
