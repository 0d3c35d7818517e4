using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class VcpuStateTests
{
    private const uint KernelGsBase = 0xC000_0102;
    private const uint Star = 0xC000_0081;

    [KvmFact]
    public void Regs_AreReadAsTheyWereSet()
    {
        using TinyGuest guest = Halting();
        KvmRegs regs = new() { Rax = 1, Rbx = 2, R8 = 3, R15 = ulong.MaxValue, Rip = 0x1234, Rsp = 0x5678, Rflags = 0x246 };

        guest.Vcpu.SetRegs(in regs);

        Assert.Equal(regs, guest.Vcpu.GetRegs());
    }

    [KvmFact]
    public void Sregs_BothForms_Agree()
    {
        using TinyGuest guest = Halting();
        Assert.SkipUnless(guest.Vm.CheckExtension(KvmCap.Sregs2) > 0, "The kernel has no KVM_GET_SREGS2.");
        KvmSregs2 second = guest.Vcpu.GetSregs2();
        second.Cr2 = 0x1234_5000;

        guest.Vcpu.SetSregs2(in second);

        KvmSregs first = guest.Vcpu.GetSregs();
        Assert.Equal(0x1234_5000UL, first.Cr2);
        Assert.Equal((second.Cr0, second.Cr3, second.Cr4, second.Efer), (first.Cr0, first.Cr3, first.Cr4, first.Efer));
        Assert.Equal(TinyGuest.GdtAddress, first.Gdt.Base);
    }

    [KvmFact]
    public void Fpu_IsReadAsItWasSet()
    {
        using TinyGuest guest = Halting();
        KvmFpu fpu = guest.Vcpu.GetFpu();
        fpu.Fcw = 0x27F;
        fpu.Ftwx = 0x11;

        guest.Vcpu.SetFpu(in fpu);

        Assert.Equal((0x27F, 0x11), (guest.Vcpu.GetFpu().Fcw, guest.Vcpu.GetFpu().Ftwx));
    }

    [KvmFact]
    public void Xsave_IsReadAsItWasSet_AndHoldsTheFpu()
    {
        using TinyGuest guest = Halting();
        byte[] state = new byte[guest.Vcpu.XsaveLength];
        guest.Vcpu.GetXsave(state);
        Assert.True(BitConverter.TryWriteBytes(state, (ushort)0x33F));

        // XSTATE_BV: the x87 component is not in its initial state.
        state[512] |= 1;
        guest.Vcpu.SetXsave(state);

        Assert.Equal(0x33F, guest.Vcpu.GetFpu().Fcw);
        byte[] read = new byte[guest.Vcpu.XsaveLength];
        guest.Vcpu.GetXsave(read);
        Assert.Equal(0x33F, BitConverter.ToUInt16(read));
        Assert.Throws<ArgumentException>(() => guest.Vcpu.GetXsave(new byte[KvmVcpu.LegacyXsaveLength - 1]));
        Assert.Throws<ArgumentException>(() => guest.Vcpu.SetXsave(new byte[1]));
    }

    [KvmFact]
    public void Xcrs_AreReadAsTheyWereSet()
    {
        using TinyGuest guest = Halting();
        Assert.SkipUnless(guest.Vm.CheckExtension(KvmCap.Xcrs) > 0, "The kernel has no KVM_GET_XCRS.");
        KvmXcrs xcrs = guest.Vcpu.GetXcrs();
        Assert.True(xcrs.NrXcrs >= 1);
        xcrs.Xcrs[0].Value = 3;

        guest.Vcpu.SetXcrs(in xcrs);

        Assert.Equal(3UL, guest.Vcpu.GetXcrs().Xcrs[0].Value);
        xcrs.Xcrs[0].Value = 2;
        Assert.Equal("KVM_SET_XCRS", Assert.Throws<KvmException>(() => guest.Vcpu.SetXcrs(in xcrs)).Call);
    }

    [KvmFact]
    public void DebugRegs_AreReadAsTheyWereSet()
    {
        using TinyGuest guest = Halting();
        KvmDebugregs regs = guest.Vcpu.GetDebugRegs();
        regs.Db[2] = 0x1234_5678;

        guest.Vcpu.SetDebugRegs(in regs);

        Assert.Equal(0x1234_5678UL, guest.Vcpu.GetDebugRegs().Db[2]);
    }

    [KvmFact]
    public void Msrs_AreReadAsTheyWereSet_AndTheCountStopsAtTheFirstRefused()
    {
        using TinyGuest guest = Halting();
        KvmMsrEntry[] entries =
        [
            new() { Index = KernelGsBase, Data = 0x1000 },
            new() { Index = Star, Data = 0x2000 },
            new() { Index = 0x1234_5678, Data = 1 },
            new() { Index = Star, Data = 0x3000 },
        ];

        Assert.Equal(2, guest.Vcpu.SetMsrs(entries));

        KvmMsrEntry[] read = [new() { Index = Star }, new() { Index = KernelGsBase }];
        Assert.Equal(2, guest.Vcpu.GetMsrs(read));
        Assert.Equal([0x2000UL, 0x1000UL], read.Select(entry => entry.Data));
        Assert.Equal(0, guest.Vcpu.GetMsrs([]));
    }

    [KvmFact]
    public void Cpuid_IsReadAsItWasSet()
    {
        using TinyGuest guest = Halting();
        KvmCpuidEntry2[] cpuid = guest.Kvm.GetSupportedCpuid();
        int leaf = Array.FindIndex(cpuid, entry => entry.Function == 0x4000_0001);
        cpuid[leaf].Eax = 0x0100_0001;

        guest.Vcpu.SetCpuid2(cpuid);

        KvmCpuidEntry2[] read = guest.Vcpu.GetCpuid2();
        Assert.Equal(cpuid.Length, read.Length);
        Assert.Equal(0x0100_0001u, read.Single(entry => entry.Function == 0x4000_0001).Eax);
        KvmCpuidEntry2[] tooMany = new KvmCpuidEntry2[4096];
        Assert.Equal(Errno.E2BIG, Assert.Throws<KvmException>(() => guest.Vcpu.SetCpuid2(tooMany)).Errno);
    }

    [KvmFact]
    public void Events_AreReadAsTheyWereSet()
    {
        using TinyGuest guest = Halting();
        guest.Vcpu.Nmi();

        KvmVcpuEvents events = guest.Vcpu.GetVcpuEvents();

        Assert.Equal(1, events.NmiPending);
        events.NmiPending = 0;
        events.NmiMasked = 1;
        events.Flags |= (uint)KvmVcpuEventFlags.NmiPending;
        guest.Vcpu.SetVcpuEvents(in events);
        Assert.Equal((0, 1), (guest.Vcpu.GetVcpuEvents().NmiPending, guest.Vcpu.GetVcpuEvents().NmiMasked));
    }

    [KvmFact]
    public void MpState_IsReadAsItWasSet_AndAWaitingVcpuIsInterruptedNotFailed()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c => c.hlt(), configureVm: vm => vm.CreateIrqChip());
        Assert.Equal(KvmMpStateValue.Runnable, guest.Vcpu.GetMpState());

        guest.Vcpu.SetMpState(KvmMpStateValue.Uninitialized);

        Assert.Equal(KvmMpStateValue.Uninitialized, guest.Vcpu.GetMpState());
        int kicks = 0;
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, _ => true, () => ++kicks < 3);
        while (kicks < 3)
        {
            runner.Kick.Kick();
        }

        runner.WaitForEnd(GuestRunner.DefaultDeadline);
    }

    [KvmFact]
    public void Lapic_WithoutIrqchip_IsRefused()
    {
        using TinyGuest guest = Halting();

        KvmException e = Assert.Throws<KvmException>(() => guest.Vcpu.GetLapic());

        Assert.Equal(("KVM_GET_LAPIC", Errno.EINVAL), (e.Call, e.Errno));
    }

    [KvmFact]
    public void TscKhz_IsPlausible()
    {
        using TinyGuest guest = Halting();
        int khz = guest.Vcpu.GetTscKhz();

        guest.Vcpu.SetTscKhz((uint)khz);

        Assert.InRange(khz, 100_000, 10_000_000);
        Assert.Equal(khz, guest.Vcpu.GetTscKhz());
    }

    [KvmFact]
    public void TryTranslate_WalksTheGuestsPageTables()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c => c.hlt());

        Assert.True(guest.Vcpu.TryTranslate(0x8123, out ulong physical));
        Assert.Equal(0x8123UL, physical);
        Assert.False(guest.Vcpu.TryTranslate(0x2_0000_0000, out physical));
        Assert.Equal(0UL, physical);
    }

    [KvmFact]
    public void PreFaultMemory_OfGuestRam_SucceedsAndOfNothing_IsRefused()
    {
        using TinyGuest guest = Halting();
        Assert.SkipUnless(guest.Vm.CheckExtension(KvmCap.PreFaultMemory) > 0, "The kernel has no KVM_PRE_FAULT_MEMORY.");

        guest.Vcpu.PreFaultMemory(0, guest.Memory.Length);

        Assert.Equal(Errno.ENOENT, Assert.Throws<KvmException>(() => guest.Vcpu.PreFaultMemory(1UL << 30, 4096)).Errno);
    }

    private static TinyGuest Halting() => TinyGuest.Create(GuestMode.Protected32, c => c.hlt());
}
