using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Tests.Abi;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests.Errors;

public sealed class SevCommandExceptionTests
{
    private const int Eio = 5;

    [Theory]
    [InlineData(
        SevCommandId.LaunchStart, Eio, 0x07u,
        "KVM_SEV_LAUNCH_START failed: EIO (5), firmware POLICY_FAILURE (0x07). The guest's policy forbids this. "
        + "The policy asks for what this guest is not: SEV-ES, a newer API version, or another domain.")]
    [InlineData(
        SevCommandId.LaunchMeasure, Eio, 0x04u,
        "KVM_SEV_LAUNCH_MEASURE failed: EIO (5), firmware INVALID_LEN (0x04). A buffer is too small; "
        + "the command wrote the length that it needs. The answer became longer than it was a moment ago: try again.")]
    [InlineData(
        SevCommandId.LaunchFinish, Eio, 0x14u,
        "KVM_SEV_LAUNCH_FINISH failed: EIO (5), firmware HWSEV_RET_UNSAFE (0x14). "
        + "The hardware failed; the platform is no longer safe to use. Restart the host, and look for hardware errors in dmesg.")]
    [InlineData(
        SevCommandId.SendStart, Eio, 0x18u,
        "KVM_SEV_SEND_START failed: EIO (5), firmware SECURE_DATA_INVALID (0x18). The firmware's stored data failed their check. "
        + "The platform's stored keys are damaged: SEV_FACTORY_RESET makes new ones; with ccp's init_ex_path, look at that file.")]
    [InlineData(
        SevCommandId.SnpLaunchFinish, Eio, 0x3Fu,
        "KVM_SEV_SNP_LAUNCH_FINISH failed: EIO (5), firmware RESPONSE_TOO_LARGE (0x3F). A device's answer does not fit. "
        + "It belongs to trusted device assignment, which kvmsev does not use: read dmesg, and update the firmware.")]
    [InlineData(
        SevCommandId.LaunchUpdateData, Eio, 0x77u,
        "KVM_SEV_LAUNCH_UPDATE_DATA failed: EIO (5), firmware unknown status (0x77). "
        + "This firmware is newer than this program's table. Look it up in AMD's specifications (55766 for SEV, 56860 for SEV-SNP), "
        + "read what ccp wrote to dmesg, and update kvmsev.")]
    [InlineData(
        SevCommandId.SnpLaunchUpdate, Eio, 0u,
        "KVM_SEV_SNP_LAUNCH_UPDATE failed: EIO (5). The kernel stopped early: a signal, a page that is in place already, "
        + "or a range that is not private; the firmware did not refuse.")]
    [InlineData(
        SevCommandId.Init2, 16, 0u,
        "KVM_SEV_INIT2 failed: EBUSY (16). Every ASID of this kind is in use: end another SEV guest; "
        + "the firmware set-up divides them between SEV and SEV-ES. If dmesg says that the firmware stopped answering, restart the host.")]
    [InlineData(
        SevCommandId.EsInit, 25, 0u,
        "KVM_SEV_ES_INIT failed: ENOTTY (25). The host has no ASIDs for this kind of guest: "
        + "the firmware set-up gives them to the other kind, or kvm_amd leaves it off.")]
    [InlineData(
        SevCommandId.LaunchUpdateData, 12, 0u,
        "KVM_SEV_LAUNCH_UPDATE_DATA failed: ENOMEM (12). Pinning the guest's memory goes over the lock limit: "
        + "raise it above the guest's memory plus firmware (ulimit -l, or LimitMEMLOCK= in a unit).")]
    [InlineData(
        SevCommandId.LaunchMeasure, 9, 0xFFFFFFFFu,
        "KVM_SEV_LAUNCH_MEASURE failed: EBADF (9), firmware NO_FW_CALL (-1). "
        + "The firmware was not called: the kernel refused the command before. "
        + "The launch must begin first, with an open descriptor of /dev/sev.")]
    [InlineData(
        SevCommandId.LaunchMeasure, 95, 0xFFFFFFFFu,
        "KVM_SEV_LAUNCH_MEASURE failed: EOPNOTSUPP (95), firmware NO_FW_CALL (-1). "
        + "The firmware was not called: the kernel refused the command before.")]
    [InlineData(
        SevCommandId.GuestStatus, 1, 0u, "KVM_SEV_GUEST_STATUS failed: EPERM (1). A SNP guest takes only the SNP commands.")]
    [InlineData((SevCommandId)77, 95, 0u, "KVM_SEV command 77 failed: EOPNOTSUPP (95). Not supported.")]
    public void GuestCommand_MessageIsTheDocumentedOne(SevCommandId id, int errno, uint firmware, string expected)
    {
        SevCommandException exception = SevCommandException.FromErrno(id, errno, firmware);

        Assert.Equal(expected, exception.Message);
        Assert.Equal((int)firmware, (int)exception.FirmwareStatus);
        Assert.Equal(errno, (int)exception.Errno);
    }

    [Theory]
    [InlineData(
        PlatformCommandId.FactoryReset, 16, 0u, "SEV_FACTORY_RESET failed: EBUSY (16). SEV guests are running: end them first.")]
    [InlineData(
        PlatformCommandId.PekCertImport, Eio, 0x05u,
        "SEV_PEK_CERT_IMPORT failed: EIO (5), firmware ALREADY_OWNED (0x05). The platform already has an owner. "
        + "The platform has an owner already: SEV_FACTORY_RESET first.")]
    [InlineData(PlatformCommandId.SnpSetConfig, 1, 0u, "SNP_SET_CONFIG failed: EPERM (1). Open /dev/sev for writing, as root.")]
    [InlineData((PlatformCommandId)77, 22, 0u, "SEV command 77 failed: EINVAL (22). Invalid argument.")]
    public void PlatformCommand_MessageIsTheDocumentedOne(PlatformCommandId id, int errno, uint firmware, string expected)
        => Assert.Equal(expected, SevCommandException.FromErrno(id, errno, firmware).Message);

    [Fact]
    public void FirmwareStatus_EveryCodeHasNameAndMeaning()
    {
        // 0x1E, 0x29-0x2F and 0x34 are reserved; the kernel's header does not name them.
        int[] reserved = [0x1E, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x34];
        foreach (int code in Enumerable.Range(-1, 0x41).Except(reserved))
        {
            SevFirmwareStatus status = (SevFirmwareStatus)code;
            Assert.True(Enum.IsDefined(status), $"0x{code:X2}");
            Assert.Matches("^[A-Z_]+$", SevFirmwareStatusText.Name(status));
            Assert.Matches("^(A|An|The) .*\\.$", SevFirmwareStatusText.Meaning(status));
            Assert.DoesNotContain("newer than this program", SevFirmwareStatusText.Meaning(status), StringComparison.Ordinal);
        }

        Assert.All(reserved, code => Assert.False(Enum.IsDefined((SevFirmwareStatus)code)));
        Assert.Equal("POLICY_FAILURE", SevFirmwareStatusText.Name(SevFirmwareStatus.PolicyFailure));
        Assert.Equal("INVALID_CONFIG", SevFirmwareStatusText.Name(SevFirmwareStatus.InvalidConfig));
        Assert.Equal("unknown status", SevFirmwareStatusText.Name((SevFirmwareStatus)0x1E));
    }

    [Fact]
    public void FirmwareStatus_NamesAreDistinct()
    {
        SevFirmwareStatus[] all = Enum.GetValues<SevFirmwareStatus>();

        Assert.Equal(all.Length, all.Select(SevFirmwareStatusText.Name).Distinct().Count());
        Assert.Equal(all.Length, all.Select(SevFirmwareStatusText.Meaning).Distinct().Count());
    }

    [Fact]
    public void CommandNames_AreTheKernels()
    {
        (List<AbiCheck> checks, _) = AbiInventory.Collect();
        Dictionary<string, string> names = checks.DistinctBy(check => check.Origin)
            .ToDictionary(check => check.Origin, check => check.Name);

        Assert.All(Enum.GetValues<SevCommandId>(), id => Assert.Equal(names[$"SevCommandId.{id}"], SevCommandNames.Of(id)));
        Assert.All(Enum.GetValues<PlatformCommandId>(), id => Assert.Equal(names[$"PlatformCommandId.{id}"], SevCommandNames.Of(id)));
    }
}
