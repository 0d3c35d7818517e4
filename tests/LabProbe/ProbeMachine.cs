using Iced.Intel;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.LabProbe;

/// <summary>A tiny guest in front of the monitor's own dispatcher, handlers and tracker.</summary>
/// <remarks>RAM: two memslots that touch, [0, 256 KiB) and [256 KiB, 320 KiB); a hole; a third one, [512 KiB, 576 KiB).</remarks>
internal static class ProbeMachine
{
    private const ulong FirstSlotBytes = 0x4_0000;
    private const ulong SecondSlot = 0x4_0000;
    private const ulong ThirdSlot = 0x8_0000;
    private const ulong FurtherSlotBytes = 0x1_0000;
    private const byte AnswerPort = 0x80;
    private const byte Privilege3 = 3;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    /// <summary>Runs one case.</summary>
    /// <param name="probe">The case.</param>
    public static ProbeResult Run(ProbeCase probe)
    {
        using MappedRegion second = MappedRegion.MapAnonymous(FurtherSlotBytes);
        using MappedRegion third = MappedRegion.MapAnonymous(FurtherSlotBytes);
        using TinyGuest guest = TinyGuest.Create(
            probe.Mode, assembler => Assemble(assembler, probe.Action), FirstSlotBytes, configureVm: vm =>
        {
            vm.SetUserMemoryRegion(1, 0, SecondSlot, FurtherSlotBytes, second.Address);
            vm.SetUserMemoryRegion(2, 0, ThirdSlot, FurtherSlotBytes, third.Address);
            if (probe.ExitHypercalls is { } mask)
            {
                HypercallExits.Enable(vm, mask, isNeeded: false);
            }

            MsrExits.Enable(vm, probe.Sev);
        });
        Prepare(guest, probe);

        var tracker = new SharedRegionTracker(
        [
            new GpaRange(new Gpa(0), FirstSlotBytes),
            new GpaRange(new Gpa(SecondSlot), FurtherSlotBytes),
            new GpaRange(new Gpa(ThirdSlot), FurtherSlotBytes),
        ]);
        var log = new BoundedLog(Serilog.Core.Logger.None);
        var handler = new MapGpaRangeHandler(probe.Abi, probe.OffersFeature || !probe.Enforces, tracker, null, log);
        var migration = new MigrationControl(probe.Sev, tracker);
        var msrs = new MsrHandler(probe.Sev, probe.OffersMigrationControl, probe.UnknownMsrs, migration, null, log);
        using var stop = new StopSignal();
        var dispatcher = new ExitDispatcher(0, new IoBus(), new IoBus(), handler, msrs, stop);

        int hypercalls = 0;
        int msrExits = 0;
        bool? isLongMode = null;
        string end = "nothing";
        KvmRegs answer = default;
        GuestRunner.Run(
            guest,
            exit =>
            {
                switch (exit.Reason)
                {
                    case VcpuExitReason.Io when exit.Io.Port == AnswerPort:
                        answer = guest.Vcpu.GetRegs();
                        end = "answered";
                        return false;
                    case VcpuExitReason.Hypercall:
                        hypercalls++;
                        isLongMode = exit.Hypercall.IsLongMode;
                        break;
                    case VcpuExitReason.X86Rdmsr or VcpuExitReason.X86Wrmsr:
                        msrExits++;
                        break;
                    default:
                        break;
                }

                end = ExitWords.WordFor(exit.Reason);
                return dispatcher.Dispatch(exit) != VcpuAction.Stop;
            },
            Deadline);

        MapGpaRangeError? rejected = null;
        foreach (MapGpaRangeError cause in Enum.GetValues<MapGpaRangeError>())
        {
            rejected = handler.Statistics.GetRejected(cause) > 0 ? cause : rejected;
        }

        return new ProbeResult
        {
            Name = probe.Name,
            End = end,
            Rax = $"0x{answer.Rax:x}",
            Rdx = $"0x{answer.Rdx:x}",
            HypercallExits = hypercalls,
            MsrExits = msrExits,
            IsLongMode = isLongMode,
            Rejected = rejected?.ToString(),
            Map = Describe(tracker.Snapshot()),
            MigrationReady = tracker.MigrationReady,
        };
    }

    private static void Assemble(Assembler c, ProbeAction action)
    {
        switch (action)
        {
            case ProbeAction.Hypercall:
                c.vmmcall();
                break;
            case ProbeAction.ReadMsr:
                c.rdmsr();
                break;
            case ProbeAction.WriteMsr:
                c.wrmsr();
                c.rdmsr();
                break;
            case ProbeAction.WriteMsrThenZero:
                c.wrmsr();
                c.xor(AssemblerRegisters.eax, AssemblerRegisters.eax);
                c.wrmsr();
                c.rdmsr();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(action));
        }

        c.@out(AnswerPort, AssemblerRegisters.al);
        c.hlt();
    }

    private static void Prepare(TinyGuest guest, ProbeCase probe)
    {
        KvmVcpu vcpu = guest.Vcpu;
        vcpu.SetCpuid2(CpuidPolicy.Create(guest.Kvm.GetSupportedCpuid(), new CpuidRequest
        {
            VcpuIndex = 0,
            VcpuCount = 1,
            MonitorKvmFeatures = probe.OffersFeature ? 1u << (int)KvmFeature.HcMapGpaRange : 0,
        }));
        vcpu.EnableCap(KvmCap.EnforcePvFeatureCpuid, probe.Enforces ? 1u : 0u);
        KvmRegs regs = vcpu.GetRegs();
        regs.Rax = probe.Rax;
        regs.Rbx = probe.Rbx;
        regs.Rcx = probe.Rcx;
        regs.Rdx = probe.Rdx;
        if (probe.IsUser)
        {
            GoToUserMode(guest, ref regs);
        }

        vcpu.SetRegs(regs);
    }

    /// <summary>CPL 3 with IOPL 3: every page of the tables is opened to user mode, and the segments get privilege 3.</summary>
    private static void GoToUserMode(TinyGuest guest, ref KvmRegs regs)
    {
        const ulong UserPage = 4;
        const ulong PageTables = 0x1_0000;
        const ulong PageTableBytes = 6 * 4096;
        const ulong IoPrivilege3 = 0x3000;
        for (ulong offset = 0; offset < PageTableBytes; offset += sizeof(ulong))
        {
            ref ulong entry = ref guest.Memory.GetReference<ulong>(PageTables + offset);
            entry = entry == 0 ? 0 : entry | UserPage;
        }

        KvmSregs sregs = guest.Vcpu.GetSregs();
        sregs.Cs.Dpl = Privilege3;
        sregs.Cs.Selector |= Privilege3;
        sregs.Ss.Dpl = Privilege3;
        sregs.Ss.Selector |= Privilege3;
        sregs.Ds = sregs.Ss;
        sregs.Es = sregs.Ss;
        guest.Vcpu.SetSregs(sregs);
        regs.Rflags |= IoPrivilege3;
    }

    private static string Describe(SharedRegionMap map) => string.Join(
        ' ',
        map.EnumerateRuns()
            .Where(static run => run.State != PageState.Unreported)
            .Select(static run => $"{run.Range.Start}-{run.Range.End}:{run.State}"));
}
