using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class KvmErrorTests
{
    private const ulong Page = 4096;

    [Fact]
    public void Open_MissingDevice_NamesCallPathAndErrno()
    {
        KvmException e = Assert.Throws<KvmException>(() => KvmDevice.Open("/nowhere/kvm"));

        Assert.Equal(Errno.ENOENT, e.Errno);
        Assert.Equal("open(\"/nowhere/kvm\")", e.Call);
        Assert.StartsWith("open(\"/nowhere/kvm\") failed: ENOENT (2).", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileThatIsNotKvm_NamesTheFirstIoctl()
    {
        KvmException e = Assert.Throws<KvmException>(() => KvmDevice.Open("/dev/null"));

        Assert.Equal(Errno.ENOTTY, e.Errno);
        Assert.Equal("KVM_GET_API_VERSION", e.Call);
    }

    [Fact]
    public void OpenSev_MissingDevice_NamesPath()
    {
        KvmException e = Assert.Throws<KvmException>(() => SevDevice.Open("/nowhere/sev"));

        Assert.Equal("open(\"/nowhere/sev\")", e.Call);
    }

    [Fact]
    public void IssueSev_FileThatIsNotSev_NamesTheCommand()
    {
        using SevDevice device = SevDevice.Open("/dev/null");
        SevUserDataStatus status = default;

        SevCommandException e = Assert.Throws<SevCommandException>(() => device.Issue(PlatformCommandId.PlatformStatus, ref status));

        Assert.Equal(Errno.ENOTTY, e.Errno);
        Assert.Equal("SEV_PLATFORM_STATUS", e.Call);
        Assert.Throws<SevCommandException>(() => device.Issue(PlatformCommandId.FactoryReset));
    }

    [KvmFact]
    public void CreateVm_UnknownType_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();

        KvmException e = Assert.Throws<KvmException>(() => kvm.CreateVm((KvmVmType)77));

        Assert.Equal(("KVM_CREATE_VM", Errno.EINVAL), (e.Call, e.Errno));
        Assert.StartsWith("KVM_CREATE_VM failed: EINVAL (22). ", e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.Hint);
    }

    [KvmFact]
    public void CreateVcpu_SameIdTwice_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using KvmVcpu first = vm.CreateVcpu(3);

        KvmException e = Assert.Throws<KvmException>(() => vm.CreateVcpu(3));

        Assert.Equal(("KVM_CREATE_VCPU", Errno.EEXIST), (e.Call, e.Errno));
    }

    [KvmFact]
    public void CreateIrqChip_AfterAVcpu_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using KvmVcpu vcpu = vm.CreateVcpu(0);

        KvmException e = Assert.Throws<KvmException>(vm.CreateIrqChip);

        Assert.Equal(("KVM_CREATE_IRQCHIP", Errno.EINVAL), (e.Call, e.Errno));
        Assert.Equal("KVM_REINJECT_CONTROL", Assert.Throws<KvmException>(() => vm.SetPitReinjection(false)).Call);
        Assert.Equal("KVM_SET_PIT2", Assert.Throws<KvmException>(() => vm.SetPit2(default)).Call);
    }

    [KvmFact]
    public void SetUserMemoryRegion_BadSlots_AreRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using MappedRegion memory = MappedRegion.MapAnonymous(4 * Page);
        vm.SetUserMemoryRegion(0, 0, 0, 2 * Page, memory.Address);

        KvmException overlap = Assert.Throws<KvmException>(() => vm.SetUserMemoryRegion(1, 0, Page, Page, memory.Address));
        KvmException unaligned = Assert.Throws<KvmException>(() => vm.SetUserMemoryRegion(2, 0, 16 * Page, 100, memory.Address));

        Assert.Equal(("KVM_SET_USER_MEMORY_REGION", Errno.EEXIST), (overlap.Call, overlap.Errno));
        Assert.Equal(Errno.EINVAL, unaligned.Errno);
        Assert.Throws<ArgumentException>(() => vm.GetDirtyLog(1, new ulong[1]));
    }

    [KvmFact]
    public void EnableCap_RefusedByTheKernel_NamesTheCapability()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using KvmVcpu vcpu = vm.CreateVcpu(0);

        KvmException hypercall = Assert.Throws<KvmException>(() => vm.EnableCap(KvmCap.ExitHypercall, 1));
        KvmException flags = Assert.Throws<KvmException>(() => vm.EnableCap(KvmCap.X86UserSpaceMsr, 0, flags: 1));
        KvmException onVcpu = Assert.Throws<KvmException>(() => vcpu.EnableCap(KvmCap.S390IrqState));

        Assert.Equal(("KVM_ENABLE_CAP(KVM_CAP_EXIT_HYPERCALL)", Errno.EINVAL), (hypercall.Call, hypercall.Errno));
        Assert.Equal("KVM_ENABLE_CAP(KVM_CAP_X86_USER_SPACE_MSR)", flags.Call);
        Assert.Equal("KVM_ENABLE_CAP(KVM_CAP_S390_IRQ_STATE)", onVcpu.Call);
    }

    [KvmFact]
    public void SetSregs_ImpossibleValues_AreRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using KvmVcpu vcpu = vm.CreateVcpu(0);
        KvmSregs sregs = vcpu.GetSregs();
        sregs.Cr4 = ulong.MaxValue;

        KvmException e = Assert.Throws<KvmException>(() => vcpu.SetSregs(in sregs));

        Assert.Equal(("KVM_SET_SREGS", Errno.EINVAL), (e.Call, e.Errno));
    }

    [KvmFact]
    public void MemoryEncrypt_WithoutSev_NamesCommandAndErrno()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        Assert.SkipUnless(vm.ProbeMemoryEncryption() is not null, "This host has SEV.");
        KvmSevLaunchStart start = default;

        SevCommandException withPayload = Assert.Throws<SevCommandException>(() =>
            vm.MemoryEncrypt(SevCommandId.LaunchStart, ref start, KvmVm.NoSevDevice));
        SevCommandException without = Assert.Throws<SevCommandException>(() =>
            vm.MemoryEncrypt(SevCommandId.LaunchFinish, KvmVm.NoSevDevice));

        Assert.Equal((int)Errno.ENOTTY, vm.ProbeMemoryEncryption());
        Assert.Equal(("KVM_SEV_LAUNCH_START", Errno.ENOTTY), (withPayload.Call, withPayload.Errno));
        Assert.Equal(("KVM_SEV_LAUNCH_FINISH", Errno.ENOTTY), (without.Call, without.Errno));
        Assert.Equal("KVM_MEMORY_ENCRYPT_REG_REGION", Assert.Throws<KvmException>(() => vm.RegisterEncryptedRegion(0, Page)).Call);
        Assert.Equal("KVM_MEMORY_ENCRYPT_UNREG_REGION", Assert.Throws<KvmException>(() => vm.UnregisterEncryptedRegion(0, Page)).Call);
    }

    [KvmFact]
    public void Run_AfterDispose_Throws()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c => c.hlt());
        guest.Vcpu.Dispose();

        Assert.Throws<ObjectDisposedException>(() => guest.Vcpu.Run().Reason);
        Assert.Throws<ObjectDisposedException>(() => guest.Vcpu.GetRegs());
    }

    [KvmFact]
    public void GetDeviceAttribute_Unknown_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();

        Assert.False(kvm.HasDeviceAttribute(99, 0));
        Assert.Equal("KVM_GET_DEVICE_ATTR", Assert.Throws<KvmException>(() => kvm.GetDeviceAttribute(99, 0)).Call);
    }
}
