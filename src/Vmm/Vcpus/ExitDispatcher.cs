using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Hands every exit of one vCPU to the object that owns it.</summary>
public sealed class ExitDispatcher
{
    /// <summary>
    /// How often a vCPU may fault on one page for the same reason, whatever it does in between: other vCPUs may take the page away each
    /// time, but a broken page of the host looks the same and never ends.
    /// </summary>
    private const int MostSameFaults = 1000;

    private readonly int _vcpuIndex;
    private readonly IoBus _ports;
    private readonly IoBus _mmio;
    private readonly MapGpaRangeHandler _mapGpaRange;
    private readonly MsrHandler _msrs;
    private readonly IMachineControl _machine;
    private readonly PrivateLocalApic? _privateApic;
    private KvmRunMemoryFault _lastFault;
    private int _sameFaults;

    /// <summary>Makes the dispatcher of one vCPU.</summary>
    /// <param name="vcpuIndex">The vCPU.</param>
    /// <param name="ports">The port bus.</param>
    /// <param name="mmio">The memory bus.</param>
    /// <param name="mapGpaRange">Owner of hypercalls.</param>
    /// <param name="msrs">Owner of MSR accesses.</param>
    /// <param name="machine">Told when an exit ends the machine.</param>
    /// <param name="privateApic">The vCPU's local APIC as a simulated SEV guest's private mappings reach it; null for others.</param>
    public ExitDispatcher(
        int vcpuIndex,
        IoBus ports,
        IoBus mmio,
        MapGpaRangeHandler mapGpaRange,
        MsrHandler msrs,
        IMachineControl machine,
        PrivateLocalApic? privateApic = null)
    {
        _vcpuIndex = vcpuIndex;
        _ports = ports;
        _mmio = mmio;
        _mapGpaRange = mapGpaRange;
        _msrs = msrs;
        _machine = machine;
        _privateApic = privateApic;
    }

    /// <summary>Answers one exit.</summary>
    /// <param name="exit">The exit, decoded in place.</param>
    /// <returns>What the vCPU does next; <see cref="VcpuAction.Stop"/> with <see cref="StopReason.Crash"/> requested for an exit that
    /// nobody owns.</returns>
    public VcpuAction Dispatch(VcpuExit exit) => exit.Reason switch
    {
        VcpuExitReason.Io => AccessPort(exit),
        VcpuExitReason.Mmio => AccessMemory(exit),
        VcpuExitReason.Hypercall => _mapGpaRange.Handle(ref exit.Hypercall, _vcpuIndex),
        VcpuExitReason.X86Rdmsr => _msrs.Read(ref exit.Msr, _vcpuIndex),
        VcpuExitReason.X86Wrmsr => _msrs.Write(ref exit.Msr, _vcpuIndex),
        VcpuExitReason.MemoryFault => HandleMemoryFault(ref exit.MemoryFault),
        VcpuExitReason.Interrupted => VcpuAction.Poll,

        // With KVM's own interrupt controllers the kernel itself waits for the start-up IPI; one that does not is asked again.
        VcpuExitReason.ApResetHold => VcpuAction.Poll,
        VcpuExitReason.IrqWindowOpen => VcpuAction.Resume,
        VcpuExitReason.Hlt => End(StopReason.Halted),
        VcpuExitReason.Shutdown => End(StopReason.Shutdown),
        VcpuExitReason.SystemEvent => HandleSystemEvent(ref exit.SystemEvent),
        _ => End(StopReason.Crash),
    };

    private VcpuAction AccessPort(VcpuExit exit)
    {
        ref KvmRunIo io = ref exit.Io;
        if (io.Count == 1)
        {
            _ports.Access(io.Port, io.IsWrite, exit.Data);
        }
        else
        {
            _ports.AccessRepeated(io.Port, io.IsWrite, io.Size, exit.Data);
        }

        return VcpuAction.Resume;
    }

    private VcpuAction AccessMemory(VcpuExit exit)
    {
        ref KvmRunMmio mmio = ref exit.Mmio;
        if (_privateApic is null || !_privateApic.TryAccess(mmio.PhysAddr, mmio.IsWrite, exit.Data))
        {
            _mmio.Access(mmio.PhysAddr, mmio.IsWrite, exit.Data);
        }

        return VcpuAction.Resume;
    }

    /// <summary>Converts what a SEV-SNP guest touched; a fault that converting does not cure, again and again, is a crash.</summary>
    private VcpuAction HandleMemoryFault(ref KvmRunMemoryFault fault)
    {
        _sameFaults = fault.Gpa == _lastFault.Gpa && fault.Flags == _lastFault.Flags ? _sameFaults + 1 : 0;
        _lastFault = fault;
        return _sameFaults < MostSameFaults && _mapGpaRange.TryConvertForFault(in fault, _vcpuIndex)
            ? VcpuAction.Resume
            : End(StopReason.Crash);
    }

    private VcpuAction HandleSystemEvent(ref KvmRunSystemEvent systemEvent) => (KvmSystemEventType)systemEvent.Type switch
    {
        KvmSystemEventType.Shutdown => End(StopReason.PowerOff),
        KvmSystemEventType.Reset => End(StopReason.Reset),
        KvmSystemEventType.Crash => End(StopReason.GuestPanic),
        KvmSystemEventType.SevTerm => End(StopReason.SevTermination, GhcbTermination.Code(ref systemEvent)),
        _ => End(StopReason.Crash),
    };

    private VcpuAction End(StopReason reason, int guestCode = 0)
    {
        _machine.RequestStop(reason, guestCode);
        return VcpuAction.Stop;
    }
}
