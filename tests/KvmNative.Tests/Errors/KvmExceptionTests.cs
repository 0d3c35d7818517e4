using KvmSevVmm.KvmNative.Errors;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests.Errors;

public sealed class KvmExceptionTests
{
    [Theory]
    [InlineData(
        "KVM_CREATE_VM", 22, "KVM_CREATE_VM failed: EINVAL (22). The kernel does not offer this VM type; see \"host requirements\".")]
    [InlineData(
        "open(\"/dev/kvm\")", 2,
        "open(\"/dev/kvm\") failed: ENOENT (2). Load kvm_amd or kvm_intel; virtualisation must be on in the firmware set-up, "
        + "or nested virtualisation if this host is itself a VM.")]
    [InlineData(
        "open(\"/dev/kvm\")", 13,
        "open(\"/dev/kvm\") failed: EACCES (13). "
        + "Your user may not use /dev/kvm: join the group that owns it (usually kvm) and log in again.")]
    [InlineData(
        "open(\"/dev/sev\")", 2,
        "open(\"/dev/sev\") failed: ENOENT (2). "
        + "The ccp module is not loaded, memory encryption (SMEE) is off in the firmware set-up, or this host is itself a VM.")]
    [InlineData("open(\"/boot/vmlinuz\")", 2, "open(\"/boot/vmlinuz\") failed: ENOENT (2). There is no such file.")]
    [InlineData(
        "KVM_MEMORY_ENCRYPT_REG_REGION", 12,
        "KVM_MEMORY_ENCRYPT_REG_REGION failed: ENOMEM (12). Pinning the guest's memory goes over the lock limit: "
        + "raise it above the guest's memory plus firmware (ulimit -l, or LimitMEMLOCK= in a unit).")]
    [InlineData(
        "KVM_ENABLE_CAP(KVM_CAP_EXIT_HYPERCALL)", 22,
        "KVM_ENABLE_CAP(KVM_CAP_EXIT_HYPERCALL) failed: EINVAL (22). The mask has a hypercall that the kernel cannot hand over; "
        + "KVM_CHECK_EXTENSION tells which it can (1 << 12 since Linux 5.14).")]
    [InlineData(
        "KVM_ENABLE_CAP(KVM_CAP_HLT)", 22,
        "KVM_ENABLE_CAP(KVM_CAP_HLT) failed: EINVAL (22). "
        + "The kernel does not offer this capability, or not with these arguments; KVM_CHECK_EXTENSION tells which it takes.")]
    [InlineData(
        "KVM_SET_CLOCK", 25,
        "KVM_SET_CLOCK failed: ENOTTY (25). This kernel does not have the call: it is too old, or was built without it.")]
    [InlineData("KVM_SET_CLOCK", 95, "KVM_SET_CLOCK failed: EOPNOTSUPP (95). Not supported.")]
    [InlineData("epoll_ctl", 17, "epoll_ctl failed: EEXIST (17). Already exists.")]
    [InlineData("read", 999, "read failed: errno 999.")]
    public void Message_IsTheDocumentedOne(string call, int errno, string expected)
    {
        KvmException exception = KvmException.FromErrno(call, errno);

        Assert.Equal(expected, exception.Message);
        Assert.Equal(call, exception.Call);
        Assert.Equal(errno, (int)exception.Errno);
        Assert.EndsWith(exception.Hint ?? "", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_WithACallersHint_UsesIt()
    {
        KvmException exception = KvmException.FromErrno("KVM_CREATE_VM", 22, "Ask for fewer.");

        Assert.Equal("KVM_CREATE_VM failed: EINVAL (22). Ask for fewer.", exception.Message);
        Assert.Equal("Ask for fewer.", exception.Hint);
    }

    [Fact]
    public void Message_WithTheCallersNull_FallsBackToTheErrno()
    {
        KvmException exception = KvmException.FromErrno("KVM_CREATE_VM", 22, null);

        Assert.Equal("KVM_CREATE_VM failed: EINVAL (22). Invalid argument.", exception.Message);
        Assert.Null(exception.Hint);
    }

    [Fact]
    public void Errno_EveryNameHasADescription()
    {
        foreach (Errno errno in Enum.GetValues<Errno>().Where(errno => errno != Errno.None))
        {
            Assert.Equal($"{errno} ({(int)errno})", ErrnoText.NameAndNumber(errno));
            Assert.Matches("^[A-Z].*[^ ]\\.$", ErrnoText.Description(errno));
        }

        Assert.Null(ErrnoText.Description((Errno)999));
    }
}
