using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Tests.Abi;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests.Errors;

public sealed class ErrorHintsTests
{
    [Fact]
    public void EveryRow_IsFoundUnderItsOwnKey()
    {
        foreach (ErrorHint hint in ErrorHints.All)
        {
            string call = hint.Call switch
            {
                "KVM_SEV_*" => "KVM_SEV_OF_ANOTHER_CENTURY",
                "KVM_*" => "KVM_OF_ANOTHER_CENTURY",
                "SEV_*" or "SEV firmware" => "SEV_OF_ANOTHER_CENTURY",
                _ => hint.Call,
            };
            Assert.Equal(hint.Text, ErrorHints.Find(call, hint.Errno, hint.Status ?? SevFirmwareStatus.Success));
        }
    }

    [Fact]
    public void EveryRow_NamesARealCall()
    {
        (List<AbiCheck> checks, _) = AbiInventory.Collect();
        HashSet<string> known =
        [
            .. checks.Where(check => check.Origin.StartsWith("IoctlNumbers.", StringComparison.Ordinal)).Select(check => check.Name),
            .. Enum.GetValues<SevCommandId>().Select(SevCommandNames.Of),
            .. Enum.GetValues<PlatformCommandId>().Select(SevCommandNames.Of),
            .. checks.Where(check => check.Origin.StartsWith("KvmCap.", StringComparison.Ordinal))
                .Select(check => $"KVM_ENABLE_CAP({check.Name})"),
            "KVM_*", "KVM_SEV_*", "SEV_*", "SEV firmware", "open", "open(\"/dev/kvm\")", "open(\"/dev/sev\")", "mmap", "madvise",
        ];

        Assert.DoesNotContain(ErrorHints.All, hint => !known.Contains(hint.Call));
    }

    [Fact]
    public void EveryRow_IsOneLineOfProse()
    {
        Assert.True(ErrorHints.All.Count() > 150);
        Assert.All(ErrorHints.All, hint =>
        {
            Assert.Matches("^([A-Z]|guest_memfd)[^\\n]*[^ .]\\.$", hint.Text);
            Assert.DoesNotContain("  ", hint.Text, StringComparison.Ordinal);
            Assert.InRange(hint.Text.Length, 15, 200);
        });
    }

    [Fact]
    public void FirmwareStatus_RowsAreOnlyForEio()
        => Assert.All(ErrorHints.All.Where(hint => hint.Status is not null), hint => Assert.Equal(Errno.EIO, hint.Errno));

    [Theory]
    [InlineData("KVM_RUN", Errno.EINTR)]
    [InlineData("madvise", Errno.EIO)]
    [InlineData("KVM_SEV_INIT2", Errno.ERANGE)]
    public void Find_UnknownFailure_IsNull(string call, Errno errno) => Assert.Null(ErrorHints.Find(call, errno));

    [Fact]
    public void Find_FirmwareStatusWithoutARow_DoesNotBorrowTheErrnosAdvice()
    {
        Assert.NotNull(ErrorHints.Find("KVM_SEV_SEND_FINISH", Errno.EIO));
        Assert.Equal(SevFirmwareHints.UnknownStatus, ErrorHints.Find("KVM_SEV_SEND_FINISH", Errno.EIO, (SevFirmwareStatus)0x77));
        Assert.Equal(SevFirmwareHints.UnknownStatus, ErrorHints.Find("SNP_COMMIT", Errno.EIO, (SevFirmwareStatus)0x77));
        Assert.Null(ErrorHints.Find("KVM_RUN", Errno.ERANGE, (SevFirmwareStatus)0x77));

        // The one refusal with another errno and a status all the same.
        Assert.Equal(
            ErrorHints.Find("KVM_SEV_SNP_LAUNCH_START", Errno.ENOTTY),
            ErrorHints.Find("KVM_SEV_SNP_LAUNCH_START", Errno.ENOTTY, SevFirmwareStatus.ResourceLimit));
    }

    [Fact]
    public void Find_EveryStatusOfTheFirmware_HasACureForEveryCommand()
    {
        SevFirmwareStatus[] refusals =
            [.. Enum.GetValues<SevFirmwareStatus>().Except([SevFirmwareStatus.Success, SevFirmwareStatus.NoFwCall])];

        Assert.All(refusals, status => Assert.NotNull(ErrorHints.Find("KVM_SEV_LAUNCH_FINISH", Errno.EIO, status)));
        Assert.All(refusals, status => Assert.NotNull(ErrorHints.Find("SEV_PLATFORM_STATUS", Errno.EIO, status)));
    }

    [Fact]
    public void Find_SevCommand_DoesNotBorrowFromOtherCalls()
        => Assert.Null(ErrorHints.Find("KVM_SEV_LAUNCH_START", Errno.EMFILE));

    [Theory]
    [InlineData("KVM_CREATE_VM", Errno.EINVAL)]
    [InlineData("KVM_CREATE_VM", Errno.ENOTTY)]
    [InlineData("KVM_SEV_INIT", Errno.EBUSY)]
    [InlineData("KVM_SEV_INIT2", Errno.ENOTTY)]
    [InlineData("KVM_SEV_LAUNCH_UPDATE_DATA", Errno.ENOMEM)]
    [InlineData("KVM_SEV_LAUNCH_START", Errno.EPERM)]
    [InlineData("KVM_SEV_LAUNCH_UPDATE_VMSA", Errno.EBUSY)]
    [InlineData("KVM_SEV_SNP_LAUNCH_START", Errno.ENOTTY)]
    [InlineData("KVM_SEV_LAUNCH_SECRET", Errno.EINVAL)]
    [InlineData("KVM_SEV_CERT_EXPORT", Errno.EINVAL)]
    [InlineData("KVM_GET_REGS", Errno.EINVAL)]
    [InlineData("KVM_RUN", Errno.EIO)]
    [InlineData("KVM_CREATE_GUEST_MEMFD", Errno.ENOTTY)]
    [InlineData("open(\"/dev/sev\")", Errno.EACCES)]
    public void Find_EveryRefusalOfTheFacts_HasACure(string call, Errno errno) => Assert.NotNull(ErrorHints.Find(call, errno));
}
