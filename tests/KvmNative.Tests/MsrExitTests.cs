using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class MsrExitTests
{
    private const uint UnknownMsr = 0x4B56_4D7F;
    private const uint KernelGsBase = 0xC000_0102;

    [KvmFact]
    public void UnknownMsr_WithUserSpaceMsr_ExitsBothWays()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, WriteThenRead(UnknownMsr), configureVm: vm =>
            vm.EnableCap(KvmCap.X86UserSpaceMsr, (ulong)KvmMsrExitReason.Unknown));
        List<(VcpuExitReason Reason, uint Index, uint Why, ulong Data)> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason == VcpuExitReason.Hlt)
            {
                return false;
            }

            seen.Add((exit.Reason, exit.Msr.Index, exit.Msr.Reason, exit.Reason == VcpuExitReason.X86Wrmsr ? exit.Msr.Data : 0));
            exit.Msr.Data = 0x1122_3344_5566_7788;
            exit.Msr.Error = 0;
            return true;
        });

        const uint Why = (uint)KvmMsrExitReason.Unknown;
        Assert.Equal(
            [(VcpuExitReason.X86Wrmsr, UnknownMsr, Why, 0x1234_CCCC_DDDDUL), (VcpuExitReason.X86Rdmsr, UnknownMsr, Why, 0UL)], seen);
        Assert.Equal(0x5566_7788UL, guest.Vcpu.GetRegs().Rax);
        Assert.Equal(0x1122_3344UL, guest.Vcpu.GetRegs().Rdx);
    }

    [KvmFact]
    public void UnknownMsr_AnsweredWithError_FaultsInTheGuest()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, WriteThenRead(UnknownMsr), configureVm: vm =>
            vm.EnableCap(KvmCap.X86UserSpaceMsr, (ulong)KvmMsrExitReason.Unknown));
        List<VcpuExitReason> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            seen.Add(exit.Reason);
            if (exit.Reason != VcpuExitReason.X86Wrmsr)
            {
                return false;
            }

            exit.Msr.Error = 1;
            return true;
        });

        // There is no handler for the fault, so it ends in a triple fault.
        Assert.Equal([VcpuExitReason.X86Wrmsr, VcpuExitReason.Shutdown], seen);
    }

    [KvmFact]
    public void Filter_DeniedMsr_ExitsAndAllowedOneDoesNot()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, WriteThenRead(KernelGsBase), configureVm: vm =>
        {
            vm.EnableCap(KvmCap.X86UserSpaceMsr, (ulong)KvmMsrExitReason.Filter);

            // Three MSRs of which the middle one, for writes, is denied.
            vm.SetMsrFilter(0, [new MsrFilterRange(2, KernelGsBase - 1, 3, new byte[] { 0b101, 0, 0, 0, 0, 0, 0, 0 })]);
        });
        List<(VcpuExitReason Reason, uint Index, uint Why)> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason == VcpuExitReason.Hlt)
            {
                return false;
            }

            seen.Add((exit.Reason, exit.Msr.Index, exit.Msr.Reason));
            return true;
        });

        Assert.Equal([(VcpuExitReason.X86Wrmsr, KernelGsBase, (uint)KvmMsrExitReason.Filter)], seen);

        // The write never reached the MSR; the read was KVM's own.
        Assert.Equal(0UL, guest.Vcpu.GetRegs().Rax);
    }

    [KvmFact]
    public void Filter_Removed_NoMsrExits()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, WriteThenRead(KernelGsBase), configureVm: vm =>
        {
            vm.EnableCap(KvmCap.X86UserSpaceMsr, (ulong)KvmMsrExitReason.Filter);
            vm.SetMsrFilter(0, [MsrFilterRange.Deny(3, KernelGsBase, 1)]);
            vm.SetMsrFilter(0, []);
        });
        List<VcpuExitReason> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            seen.Add(exit.Reason);
            return false;
        });

        Assert.Equal([VcpuExitReason.Hlt], seen);
        Assert.Equal(0xCCCC_DDDDUL, guest.Vcpu.GetRegs().Rax);
    }

    [KvmFact]
    public void SetMsrFilter_BadRanges_AreRefusedBeforeTheKernelReadsThem()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();

        Assert.Throws<ArgumentException>(() => vm.SetMsrFilter(0, [new MsrFilterRange(3, 0, 65, new byte[8])]));
        Assert.Throws<ArgumentOutOfRangeException>(() => vm.SetMsrFilter(0, [new MsrFilterRange(3, 0, 0, ReadOnlyMemory<byte>.Empty)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => MsrFilterRange.Deny(3, 0, 12_289));
        MsrFilterRange[] tooMany = [.. Enumerable.Range(0, 17).Select(i => MsrFilterRange.Deny(3, (uint)i, 1))];
        Assert.Throws<ArgumentException>(() => vm.SetMsrFilter(0, tooMany));
        vm.SetMsrFilter(0, tooMany.AsSpan(0, 16));
        vm.SetMsrFilter(0, [MsrFilterRange.Deny(3, 0, 12_288)]);
    }

    private static Action<Iced.Intel.Assembler> WriteThenRead(uint msr) => c =>
    {
        c.mov(ecx, msr);
        c.mov(edx, 0x0000_1234);
        c.mov(eax, 0xCCCC_DDDD);
        c.wrmsr();
        c.xor(eax, eax);
        c.xor(edx, edx);
        c.rdmsr();
        c.hlt();
    };
}
