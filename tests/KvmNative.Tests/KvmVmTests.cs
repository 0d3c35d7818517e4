using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class KvmVmTests
{
    private const ulong Page = 4096;
    private const uint LogDirtyPages = (uint)KvmMemoryRegionFlags.LogDirtyPages;

    [KvmFact]
    public void Device_DescribesTheHost()
    {
        using KvmDevice kvm = KvmDevice.Open();

        Assert.Equal(12, kvm.ApiVersion);
        Assert.True(kvm.VcpuMmapSize >= 4096);
        Assert.True(kvm.CheckExtension(KvmCap.UserMemory) > 0);
        Assert.Equal(0, kvm.CheckExtension(KvmCap.S390IrqState));
        KvmCpuidEntry2[] cpuid = kvm.GetSupportedCpuid();
        Assert.Contains(cpuid, entry => entry is { Function: 0, Eax: > 0 });
        Assert.Contains(cpuid, entry => entry.Function == 0x4000_0000);
        Assert.NotEmpty(kvm.GetEmulatedCpuid());
        uint[] msrs = kvm.GetMsrIndexList();
        Assert.Contains(0xC000_0102u, msrs);
        uint[] featureMsrs = kvm.GetMsrFeatureIndexList();
        KvmMsrEntry[] values = [.. featureMsrs.Select(index => new KvmMsrEntry { Index = index })];
        Assert.Equal(values.Length, kvm.GetMsrs(values));
        Assert.Equal(0, kvm.GetMsrs([new KvmMsrEntry { Index = 0x1234_5678 }]));
    }

    [KvmFact]
    public void DirtyLog_ShowsExactlyTheWrittenPagesOnce()
    {
        using TinyGuest guest = TinyGuest.Create(
            GuestMode.Protected32,
            c =>
            {
                c.mov(__byte_ptr[0x8000], 1);
                c.mov(__byte_ptr[0x9FFF], 1);
                c.hlt();
                c.mov(__byte_ptr[0x3_F000], 1);
                c.hlt();
            },
            memoryFlags: LogDirtyPages);
        ulong[] bitmap = new ulong[KvmVm.DirtyBitmapLength(256 << 10)];
        guest.Vm.GetDirtyLog(0, bitmap);

        GuestRunner.Run(guest, exit => exit.Reason != VcpuExitReason.Hlt);
        guest.Vm.GetDirtyLog(0, bitmap);
        Assert.Equal([(1UL << 8) | (1UL << 9)], bitmap);

        GuestRunner.Run(guest, exit => exit.Reason != VcpuExitReason.Hlt);
        guest.Vm.GetDirtyLog(0, bitmap);
        Assert.Equal([1UL << 0x3F], bitmap);

        guest.Vm.GetDirtyLog(0, bitmap);
        Assert.Equal([0UL], bitmap);
    }

    [KvmFact]
    public void ClearDirtyLog_WithManualProtect_ClearsOnlyWhatItIsTold()
    {
        using TinyGuest guest = TinyGuest.Create(
            GuestMode.Protected32,
            c =>
            {
                c.mov(__byte_ptr[0x8000], 1);
                c.mov(__byte_ptr[0x9FFF], 1);
                c.hlt();
            },
            configureVm: vm => vm.EnableCap(KvmCap.ManualDirtyLogProtect2, 1));
        guest.Vm.SetUserMemoryRegion(0, LogDirtyPages, 0, guest.Memory.Length, guest.Memory.Address);
        ulong[] bitmap = new ulong[1];

        GuestRunner.Run(guest, exit => exit.Reason != VcpuExitReason.Hlt);
        guest.Vm.GetDirtyLog(0, bitmap);
        Assert.Equal([(1UL << 8) | (1UL << 9)], bitmap);
        guest.Vm.ClearDirtyLog(0, 0, 64, [1UL << 8]);
        guest.Vm.GetDirtyLog(0, bitmap);

        Assert.Equal([1UL << 9], bitmap);
        Assert.Throws<ArgumentException>(() => guest.Vm.ClearDirtyLog(0, 0, 65, [0]));
        Assert.Equal(Errno.EINVAL, Assert.Throws<KvmException>(() => guest.Vm.ClearDirtyLog(0, 1, 63, [0])).Errno);
    }

    [KvmFact]
    public void GetDirtyLog_BufferTooSmall_IsRefusedBeforeTheKernelWrites()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        using MappedRegion memory = MappedRegion.MapAnonymous(65 * Page);
        vm.SetUserMemoryRegion(4, LogDirtyPages, 0, memory.Length, memory.Address);

        Assert.Equal(2, KvmVm.DirtyBitmapLength(memory.Length));
        Assert.Throws<ArgumentException>(() => vm.GetDirtyLog(4, new ulong[1]));
        vm.GetDirtyLog(4, new ulong[2]);
        vm.SetUserMemoryRegion(4, 0, 0, 0, 0);
        Assert.Throws<ArgumentException>(() => vm.GetDirtyLog(4, new ulong[2]));
    }

    [KvmFact]
    public void SetUserMemoryRegion2_WithoutGuestMemFd_BacksTheGuestToo()
    {
        using KvmDevice kvm = KvmDevice.Open();
        Assert.SkipUnless(kvm.CheckExtension(KvmCap.UserMemory2) > 0, "The kernel has no KVM_SET_USER_MEMORY_REGION2.");
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c =>
        {
            c.mov(eax, __dword_ptr[0x100_0000]);
            c.hlt();
        });
        using MappedRegion more = MappedRegion.MapAnonymous(Page);
        Assert.True(more.TryWrite(0, 0xC0FF_EE00u));
        guest.Vm.SetUserMemoryRegion2(new KvmUserspaceMemoryRegion2
        {
            Slot = 1,
            GuestPhysAddr = 0x100_0000,
            MemorySize = Page,
            UserspaceAddr = more.Address,
        });

        GuestRunner.Run(guest, exit =>
        {
            Assert.Equal(VcpuExitReason.Hlt, exit.Reason);
            return false;
        });

        Assert.Equal(0xC0FF_EE00UL, guest.Vcpu.GetRegs().Rax);
    }

    [KvmFact]
    public void GuestMemFd_CanBeMadeAndDiscarded()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        Assert.SkipUnless(vm.CheckExtension(KvmCap.GuestMemfd) > 0, "The kernel has no guest_memfd for this type of VM.");
        using GuestMemFd memory = vm.CreateGuestMemFd(4 * Page, 0);

        memory.Preallocate(0, 4 * Page);
        memory.Discard(Page, 2 * Page);

        Assert.Equal(4 * Page, memory.Size);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Discard(3 * Page, 2 * Page));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Discard(ulong.MaxValue, 1));
        Assert.Equal("fallocate(guest_memfd)", Assert.Throws<KvmException>(() => memory.Discard(1, 1)).Call);
    }

    [KvmFact]
    public void SetMemoryAttributes_OfAMachineWithoutThem_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();

        Assert.Equal(0, vm.CheckExtension(KvmCap.MemoryAttributes));
        Assert.Equal("KVM_SET_MEMORY_ATTRIBUTES", Assert.Throws<KvmException>(() => vm.SetMemoryAttributes(0, Page, 8)).Call);
    }

    [KvmFact]
    public void ReadOnlySlot_GuestWrites_BecomeMmio()
    {
        using TinyGuest guest = TinyGuest.Create(
            GuestMode.Protected32,
            c =>
            {
                c.mov(ebx, 0x100_0000);
                c.mov(eax, __dword_ptr[ebx]);
                c.mov(__dword_ptr[ebx + 4], eax);
                c.hlt();
            });
        using MappedRegion rom = MappedRegion.MapAnonymous(Page);
        Assert.True(rom.TryWrite(0, 0x1234_5678u));
        guest.Vm.SetUserMemoryRegion(1, (uint)KvmMemoryRegionFlags.Readonly, 0x100_0000, Page, rom.Address);
        List<(ulong Address, bool IsWrite, string Data)> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason != VcpuExitReason.Mmio)
            {
                return false;
            }

            seen.Add((exit.Mmio.PhysAddr, exit.Mmio.IsWrite, Convert.ToHexString(exit.Data)));
            return true;
        });

        Assert.Equal([(0x100_0004UL, true, "78563412")], seen);
        Assert.True(rom.TryRead(4, out uint unchanged));
        Assert.Equal(0u, unchanged);
    }

    [KvmFact]
    public void SeveralVcpus_RunAtTheSameTime()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            Iced.Intel.Label again = c.CreateLabel();
            c.@lock.add(__dword_ptr[TinyGuest.DataAddress], 1);
            c.Label(ref again);
            c.cmp(__dword_ptr[TinyGuest.DataAddress], 2);
            c.jne(again);
            c.hlt();
        });
        using KvmVcpu second = guest.Vm.CreateVcpu(1);
        second.SetCpuid2(guest.Vcpu.GetCpuid2());
        KvmSregs sregs = guest.Vcpu.GetSregs();
        sregs.ApicBase = second.GetSregs().ApicBase;
        second.SetSregs(in sregs);
        second.SetRegs(guest.Vcpu.GetRegs());

        // Each waits for the other.
        using GuestRunner runner = GuestRunner.Start(second, exit => exit.Reason != VcpuExitReason.Hlt);
        GuestRunner.Run(guest, exit => exit.Reason != VcpuExitReason.Hlt);
        runner.WaitForEnd(GuestRunner.DefaultDeadline);

        Assert.Equal((0u, 1u), (guest.Vcpu.Id, second.Id));
        Assert.True(guest.Memory.TryRead(TinyGuest.DataAddress, out uint count));
        Assert.Equal(2u, count);
    }
}
