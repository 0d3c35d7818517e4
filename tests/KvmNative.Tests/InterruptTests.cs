using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class InterruptTests
{
    private const uint MmioAddress = 0xD000_0000;
    private const byte DoorbellPort = 0x20;
    private const byte AnswerPort = 0xF4;
    private const ulong HandlerAddress = 0x6000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [KvmFact]
    public void IrqFd_EachSignal_IsOneInterruptInTheGuest()
    {
        const int Count = 200;
        const uint Gsi = 4;
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, InterruptGuest, configureVm: vm => vm.CreateIrqChip());
        SetVector(guest, (byte)(0x20 + Gsi));
        using EventFd irq = EventFd.Create();
        guest.Vm.AssignIrqFd(irq, Gsi);
        KvmException twice = Assert.Throws<KvmException>(() => guest.Vm.AssignIrqFd(irq, Gsi));
        using SemaphoreSlim ready = new(0);
        using SemaphoreSlim interrupts = new(0);
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, exit => CountAnswer(exit, ready, interrupts));
        Assert.True(ready.Wait(Limit), "The guest did not start.");

        for (int i = 0; i < Count; i++)
        {
            irq.Signal();
            Assert.True(interrupts.Wait(Limit), $"Interrupt {i} was lost.");
        }

        Assert.Equal(Errno.EBUSY, twice.Errno);
        guest.Vm.DeassignIrqFd(irq, Gsi);
        irq.Signal();
        Assert.False(interrupts.Wait(100), "An interrupt came although the eventfd is no longer assigned.");
    }

    [KvmFact]
    public void SetIrqLine_AnEdge_IsOneInterruptInTheGuest()
    {
        const uint Gsi = 3;
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, InterruptGuest, configureVm: vm => vm.CreateIrqChip());
        SetVector(guest, (byte)(0x20 + Gsi));
        using SemaphoreSlim ready = new(0);
        using SemaphoreSlim interrupts = new(0);
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, exit => CountAnswer(exit, ready, interrupts));
        Assert.True(ready.Wait(Limit), "The guest did not start.");

        for (int i = 0; i < 20; i++)
        {
            guest.Vm.SetIrqLine(Gsi, true);
            guest.Vm.SetIrqLine(Gsi, false);
            Assert.True(interrupts.Wait(Limit), $"Interrupt {i} was lost.");
        }
    }

    [KvmFact]
    public void SetIrqLine_WithoutIrqchip_IsRefused()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();

        KvmException e = Assert.Throws<KvmException>(() => vm.SetIrqLine(4, true));

        Assert.Equal(("KVM_IRQ_LINE", Errno.ENXIO), (e.Call, e.Errno));
    }

    [KvmFact]
    public void Pit_InterruptsTheGuest()
    {
        using TinyGuest guest = TinyGuest.Create(
            GuestMode.Real16,
            c =>
            {
                // Counter 0, mode 2, about 1 kHz.
                c.mov(al, 0x34);
                c.@out(0x43, al);
                c.mov(al, 0xA9);
                c.@out(0x40, al);
                c.mov(al, 4);
                c.@out(0x40, al);
                InterruptGuest(c);
            },
            configureVm: vm =>
            {
                vm.CreateIrqChip();
                vm.CreatePit2(0);
                vm.SetPitReinjection(false);
            });
        SetVector(guest, 0x20);
        int interrupts = 0;

        GuestRunner.Run(guest, exit =>
        {
            Assert.Equal(VcpuExitReason.Io, exit.Reason);
            interrupts += exit.Data[0] == 'I' ? 1 : 0;
            return interrupts < 10;
        });

        Assert.Equal(10, interrupts);
        KvmPitState2 pit = guest.Vm.GetPit2();
        Assert.Equal(0x4A9u, pit.Channels[0].Count);
        pit.Channels[0].Count = 0x5000;
        guest.Vm.SetPit2(in pit);
        Assert.Equal(0x5000u, guest.Vm.GetPit2().Channels[0].Count);
    }

    [KvmFact]
    public void IoEventFd_Port_SignalsWithoutAnExit()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c =>
        {
            for (int value = 1; value <= 3; value++)
            {
                c.mov(eax, value);
                c.@out(DoorbellPort, al);
            }

            c.hlt();
        });
        using EventFd any = EventFd.Create();
        guest.Vm.AssignIoEventFd(any, DoorbellPort, 1, isPio: true);

        Assert.Equal([VcpuExitReason.Hlt], RunAndList(guest));
        Assert.True(any.TryRead(out ulong count));
        Assert.Equal(3UL, count);

        guest.Vm.DeassignIoEventFd(any, DoorbellPort, 1, isPio: true);
        guest.Reset(GuestMode.Protected32);
        Assert.Equal([VcpuExitReason.Io, VcpuExitReason.Io, VcpuExitReason.Io, VcpuExitReason.Hlt], RunAndList(guest));
        Assert.False(any.TryRead(out _));
    }

    [KvmFact]
    public void IoEventFd_MemoryWithDatamatch_TakesOnlyThatValue()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.mov(ebx, MmioAddress);
            for (int value = 1; value <= 3; value++)
            {
                c.mov(__dword_ptr[rbx], value);
            }

            c.hlt();
        });
        using EventFd two = EventFd.Create();
        guest.Vm.AssignIoEventFd(two, MmioAddress, 4, isPio: false, datamatch: 2);
        List<uint> written = [];

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason == VcpuExitReason.Mmio)
            {
                written.Add(BitConverter.ToUInt32(exit.Data));
            }

            return exit.Reason != VcpuExitReason.Hlt;
        });

        Assert.Equal([1u, 3u], written);
        Assert.True(two.TryRead(out ulong count));
        Assert.Equal(1UL, count);
        Assert.Equal(Errno.EEXIST, Assert.Throws<KvmException>(() => guest.Vm.AssignIoEventFd(two, MmioAddress, 4, false, 2)).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<KvmException>(() => guest.Vm.DeassignIoEventFd(two, MmioAddress, 4, false, 3)).Errno);
        Assert.Equal(Errno.EINVAL, Assert.Throws<KvmException>(() => guest.Vm.AssignIoEventFd(two, MmioAddress, 3, false)).Errno);
        guest.Vm.DeassignIoEventFd(two, MmioAddress, 4, isPio: false, datamatch: 2);
    }

    [KvmFact]
    public void IoEventFd_MemoryOfAnyLength_TakesAll()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.mov(ebx, MmioAddress);
            c.mov(__byte_ptr[rbx], al);
            c.mov(__word_ptr[rbx], ax);
            c.mov(__dword_ptr[rbx], eax);
            c.hlt();
        });
        using EventFd all = EventFd.Create();
        guest.Vm.AssignIoEventFd(all, MmioAddress, 0, isPio: false);

        Assert.Equal([VcpuExitReason.Hlt], RunAndList(guest));
        Assert.True(all.TryRead(out ulong count));
        Assert.Equal(3UL, count);
    }

    [KvmFact]
    public void SignalMsi_ReachesTheLocalApic()
    {
        const uint Vector = 0x55;
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c => c.hlt(), configureVm: vm => vm.CreateIrqChip());
        EnableApic(guest.Vcpu);

        Assert.True(guest.Vm.SignalMsi(new KvmMsi { AddressLo = 0xFEE0_0000, Data = Vector }));

        Assert.Equal(1u << (int)(Vector % 32), RequestedInterrupts(guest.Vcpu, Vector));
    }

    [KvmFact]
    public void SetGsiRouting_SendsALineElsewhere()
    {
        const uint Gsi = 5;
        const uint Vector = 0x66;
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c => c.hlt(), configureVm: vm => vm.CreateIrqChip());
        EnableApic(guest.Vcpu);
        KvmIrqRoutingEntry entry = new() { Gsi = Gsi, Type = (uint)KvmIrqRoutingType.Msi };
        entry.Msi.AddressLo = 0xFEE0_0000;
        entry.Msi.Data = Vector;

        guest.Vm.SetGsiRouting([entry]);
        guest.Vm.SetIrqLine(Gsi, true);

        Assert.Equal(1u << (int)(Vector % 32), RequestedInterrupts(guest.Vcpu, Vector));
        entry.Type = 99;
        Assert.Equal("KVM_SET_GSI_ROUTING", Assert.Throws<KvmException>(() => guest.Vm.SetGsiRouting([entry])).Call);
    }

    [KvmFact]
    public void IrqChip_StateCanBeReadAndSet()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        vm.CreateIrqChip();
        KvmIrqchip pic = vm.GetIrqChip(0);
        pic.Pic.Imr = 0xA5;

        vm.SetIrqChip(in pic);

        Assert.Equal(0xA5, vm.GetIrqChip(0).Pic.Imr);
        Assert.Equal(2u, vm.GetIrqChip(2).ChipId);
        Assert.Equal(Errno.EINVAL, Assert.Throws<KvmException>(() => vm.GetIrqChip(7)).Errno);
        Assert.Equal("KVM_CREATE_IRQCHIP", Assert.Throws<KvmException>(vm.CreateIrqChip).Call);
    }

    [KvmFact]
    public void Addresses_ForIntel_AreTaken()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();

        vm.SetIdentityMapAddr(0xFFFB_C000);
        vm.SetTssAddr(0xFFFB_D000);
        using KvmVcpu vcpu = vm.CreateVcpu(0);

        Assert.Equal("KVM_SET_IDENTITY_MAP_ADDR", Assert.Throws<KvmException>(() => vm.SetIdentityMapAddr(0xFFFB_C000)).Call);
    }

    [KvmFact]
    public void Clock_CanBeReadAndSet()
    {
        using KvmDevice kvm = KvmDevice.Open();
        using KvmVm vm = kvm.CreateVm();
        const ulong AYear = 31_536_000_000_000_000;

        vm.SetClock(new KvmClockData { Clock = AYear });

        Assert.InRange(vm.GetClock().Clock, AYear, AYear + 60_000_000_000);
    }

    /// <summary>Sets the PICs up with vectors from 0x20 on, says R, then waits; each interrupt says I and is acknowledged.</summary>
    private static void InterruptGuest(Iced.Intel.Assembler c)
    {
        Iced.Intel.Label again = c.CreateLabel();
        foreach ((byte port, byte value) in
            new (byte, byte)[]
            {
                (0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0x21, 0), (0xA0, 0x11), (0xA1, 0x28), (0xA1, 2), (0xA1, 1), (0xA1, 0xFF),
            })
        {
            c.mov(al, value);
            c.@out(port, al);
        }

        c.mov(al, (sbyte)'R');
        c.@out(AnswerPort, al);
        c.sti();
        c.Label(ref again);
        c.hlt();
        c.jmp(again);
    }

    /// <summary>Installs the handler for one interrupt vector.</summary>
    private static void SetVector(TinyGuest guest, byte vector)
    {
        Assert.True(guest.Memory.TryWrite((ulong)vector * 4, (uint)HandlerAddress));
        guest.WriteCode(GuestMode.Real16, HandlerAddress, c =>
        {
            c.mov(al, (sbyte)'I');
            c.@out(AnswerPort, al);
            c.mov(al, 0x20);
            c.@out(0x20, al);
            c.iret();
        });
    }

    private static bool CountAnswer(VcpuExit exit, SemaphoreSlim ready, SemaphoreSlim interrupts)
    {
        if (exit.Reason != VcpuExitReason.Io || exit.Io.Port != AnswerPort)
        {
            return false;
        }

        _ = exit.Data[0] == 'R' ? ready.Release() : interrupts.Release();
        return true;
    }

    private static List<VcpuExitReason> RunAndList(TinyGuest guest)
    {
        List<VcpuExitReason> seen = [];
        GuestRunner.Run(guest, exit =>
        {
            seen.Add(exit.Reason);
            return exit.Reason != VcpuExitReason.Hlt;
        });
        return seen;
    }

    private static void EnableApic(KvmVcpu vcpu)
    {
        KvmLapicState lapic = vcpu.GetLapic();
        Span<byte> regs = lapic.Regs;
        Assert.True(BitConverter.TryWriteBytes(regs[0xF0..], 0x1FFu));
        vcpu.SetLapic(in lapic);
    }

    private static uint RequestedInterrupts(KvmVcpu vcpu, uint vector)
    {
        KvmLapicState lapic = vcpu.GetLapic();
        Span<byte> regs = lapic.Regs;
        return BitConverter.ToUInt32(regs[(0x200 + ((int)(vector / 32) * 0x10))..]);
    }
}
