using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Request numbers of every ioctl used here, computed from the argument's size so that the two cannot disagree.</summary>
/// <remarks>Source: the kernel headers linux/kvm.h, linux/psp-sev.h and asm-generic/ioctl.h.</remarks>
[CConstants("KVM_")]
internal static class IoctlNumbers
{
    private const uint KvmIo = 0xAE;
    private const uint DirectionWrite = 1;
    private const uint DirectionRead = 2;

    /// <summary>/dev/sev: issues a platform command; the argument is the address of a SevIssueCmd.</summary>
    [CName("SEV_ISSUE_CMD")]
    public static uint SevIssueCmd => Encode(DirectionRead | DirectionWrite, 'S', 0x00, (uint)Unsafe.SizeOf<SevIssueCmd>());

    /// <summary>/dev/kvm: returns the API version.</summary>
    public static uint GetApiVersion => Io(0x00);

    /// <summary>/dev/kvm: makes a VM of the given type.</summary>
    public static uint CreateVm => Io(0x01);

    /// <summary>/dev/kvm: lists the MSRs that can be saved.</summary>
    public static uint GetMsrIndexList => Iowr<KvmMsrList>(0x02);

    /// <summary>/dev/kvm and VM: asks for a capability.</summary>
    public static uint CheckExtension => Io(0x03);

    /// <summary>/dev/kvm: bytes of a vCPU's shared mapping.</summary>
    public static uint GetVcpuMmapSize => Io(0x04);

    /// <summary>/dev/kvm: CPUID that the host can offer.</summary>
    public static uint GetSupportedCpuid => Iowr<KvmCpuid2>(0x05);

    /// <summary>/dev/kvm: CPUID features that KVM emulates.</summary>
    public static uint GetEmulatedCpuid => Iowr<KvmCpuid2>(0x09);

    /// <summary>/dev/kvm: lists the feature MSRs.</summary>
    public static uint GetMsrFeatureIndexList => Iowr<KvmMsrList>(0x0A);

    /// <summary>VM: makes a vCPU.</summary>
    public static uint CreateVcpu => Io(0x41);

    /// <summary>VM: reads a memslot's dirty pages.</summary>
    public static uint GetDirtyLog => Iow<KvmDirtyLog>(0x42);

    /// <summary>VM: sets a memslot.</summary>
    public static uint SetUserMemoryRegion => Iow<KvmUserspaceMemoryRegion>(0x46);

    /// <summary>VM: three pages for real-mode emulation on Intel.</summary>
    public static uint SetTssAddr => Io(0x47);

    /// <summary>VM: one page for real-mode paging on Intel.</summary>
    public static uint SetIdentityMapAddr => Iow<ulong>(0x48);

    /// <summary>VM: sets a memslot with a guest_memfd.</summary>
    public static uint SetUserMemoryRegion2 => Iow<KvmUserspaceMemoryRegion2>(0x49);

    /// <summary>VM: makes PICs, I/O APIC and local APICs.</summary>
    public static uint CreateIrqchip => Io(0x60);

    /// <summary>VM: sets an interrupt line.</summary>
    public static uint IrqLine => Iow<KvmIrqLevel>(0x61);

    /// <summary>VM: reads an interrupt controller.</summary>
    public static uint GetIrqchip => Iowr<KvmIrqchip>(0x62);

    /// <summary>VM: writes an interrupt controller.</summary>
    public static uint SetIrqchip => Ior<KvmIrqchip>(0x63);

    /// <summary>VM: sets an interrupt line and tells what became of it.</summary>
    public static uint IrqLineStatus => Iowr<KvmIrqLevel>(0x67);

    /// <summary>VM: sets the interrupt routing table.</summary>
    public static uint SetGsiRouting => Iow<KvmIrqRouting>(0x6A);

    /// <summary>VM: whether missed timer ticks are delivered later.</summary>
    public static uint ReinjectControl => Io(0x71);

    /// <summary>VM: assigns an eventfd that raises an interrupt.</summary>
    public static uint Irqfd => Iow<KvmIrqfd>(0x76);

    /// <summary>VM: makes the timer.</summary>
    public static uint CreatePit2 => Iow<KvmPitConfig>(0x77);

    /// <summary>VM: chooses the boot processor.</summary>
    public static uint SetBootCpuId => Io(0x78);

    /// <summary>VM: assigns an eventfd that a guest write signals.</summary>
    public static uint Ioeventfd => Iow<KvmIoeventfd>(0x79);

    /// <summary>VM: sets kvm-clock.</summary>
    public static uint SetClock => Iow<KvmClockData>(0x7B);

    /// <summary>VM: reads kvm-clock.</summary>
    public static uint GetClock => Ior<KvmClockData>(0x7C);

    /// <summary>vCPU: runs the guest.</summary>
    public static uint Run => Io(0x80);

    /// <summary>vCPU: reads the general registers.</summary>
    public static uint GetRegs => Ior<KvmRegs>(0x81);

    /// <summary>vCPU: writes the general registers.</summary>
    public static uint SetRegs => Iow<KvmRegs>(0x82);

    /// <summary>vCPU: reads the system registers.</summary>
    public static uint GetSregs => Ior<KvmSregs>(0x83);

    /// <summary>vCPU: writes the system registers.</summary>
    public static uint SetSregs => Iow<KvmSregs>(0x84);

    /// <summary>vCPU: walks the guest's page tables.</summary>
    public static uint Translate => Iowr<KvmTranslation>(0x85);

    /// <summary>vCPU: injects an interrupt, without an in-kernel APIC.</summary>
    public static uint Interrupt => Iow<KvmInterrupt>(0x86);

    /// <summary>vCPU and /dev/kvm: reads MSRs.</summary>
    public static uint GetMsrs => Iowr<KvmMsrs>(0x88);

    /// <summary>vCPU: writes MSRs.</summary>
    public static uint SetMsrs => Iow<KvmMsrs>(0x89);

    /// <summary>vCPU: signals that are blocked inside KVM_RUN.</summary>
    public static uint SetSignalMask => Iow<KvmSignalMask>(0x8B);

    /// <summary>vCPU: reads x87 and SSE state.</summary>
    public static uint GetFpu => Ior<KvmFpu>(0x8C);

    /// <summary>vCPU: writes x87 and SSE state.</summary>
    public static uint SetFpu => Iow<KvmFpu>(0x8D);

    /// <summary>vCPU: reads the local APIC.</summary>
    public static uint GetLapic => Ior<KvmLapicState>(0x8E);

    /// <summary>vCPU: writes the local APIC.</summary>
    public static uint SetLapic => Iow<KvmLapicState>(0x8F);

    /// <summary>vCPU: sets the CPUID.</summary>
    public static uint SetCpuid2 => Iow<KvmCpuid2>(0x90);

    /// <summary>vCPU: reads the CPUID.</summary>
    public static uint GetCpuid2 => Iowr<KvmCpuid2>(0x91);

    /// <summary>vCPU: reads whether it runs.</summary>
    public static uint GetMpState => Ior<KvmMpState>(0x98);

    /// <summary>vCPU: sets whether it runs.</summary>
    public static uint SetMpState => Iow<KvmMpState>(0x99);

    /// <summary>vCPU: injects an NMI.</summary>
    public static uint Nmi => Io(0x9A);

    /// <summary>vCPU: sets breakpoints and single steps.</summary>
    public static uint SetGuestDebug => Iow<KvmGuestDebug>(0x9B);

    /// <summary>VM: reads the timer.</summary>
    public static uint GetPit2 => Ior<KvmPitState2>(0x9F);

    /// <summary>vCPU: reads pending events.</summary>
    public static uint GetVcpuEvents => Ior<KvmVcpuEvents>(0x9F);

    /// <summary>VM: writes the timer.</summary>
    public static uint SetPit2 => Iow<KvmPitState2>(0xA0);

    /// <summary>vCPU: writes pending events.</summary>
    public static uint SetVcpuEvents => Iow<KvmVcpuEvents>(0xA0);

    /// <summary>vCPU: reads the debug registers.</summary>
    public static uint GetDebugregs => Ior<KvmDebugregs>(0xA1);

    /// <summary>vCPU: writes the debug registers.</summary>
    public static uint SetDebugregs => Iow<KvmDebugregs>(0xA2);

    /// <summary>vCPU and VM: sets the time-stamp counter frequency in kHz.</summary>
    public static uint SetTscKhz => Io(0xA2);

    /// <summary>vCPU and VM: reads the time-stamp counter frequency in kHz.</summary>
    public static uint GetTscKhz => Io(0xA3);

    /// <summary>VM and vCPU: turns a capability on.</summary>
    public static uint EnableCap => Iow<KvmEnableCap>(0xA3);

    /// <summary>vCPU: reads the extended state.</summary>
    public static uint GetXsave => Ior<KvmXsave>(0xA4);

    /// <summary>vCPU: writes the extended state.</summary>
    public static uint SetXsave => Iow<KvmXsave>(0xA5);

    /// <summary>VM: sends a message-signalled interrupt.</summary>
    public static uint SignalMsi => Iow<KvmMsi>(0xA5);

    /// <summary>vCPU: reads the extended control registers.</summary>
    public static uint GetXcrs => Ior<KvmXcrs>(0xA6);

    /// <summary>vCPU: writes the extended control registers.</summary>
    public static uint SetXcrs => Iow<KvmXcrs>(0xA7);

    /// <summary>vCPU: tells the guest that it was paused.</summary>
    public static uint KvmclockCtrl => Io(0xAD);

    /// <summary>vCPU: injects an SMI.</summary>
    public static uint Smi => Io(0xB7);

    /// <summary>VM: issues a SEV command; the argument is the address of a KvmSevCmd.</summary>
    public static uint MemoryEncryptOp => Iowr<ulong>(0xBA);

    /// <summary>VM: pins memory for a SEV guest.</summary>
    public static uint MemoryEncryptRegRegion => Ior<KvmEncRegion>(0xBB);

    /// <summary>VM: unpins memory of a SEV guest.</summary>
    public static uint MemoryEncryptUnregRegion => Ior<KvmEncRegion>(0xBC);

    /// <summary>VM: clears dirty pages.</summary>
    public static uint ClearDirtyLog => Iowr<KvmClearDirtyLog>(0xC0);

    /// <summary>VM: sets the MSR filter.</summary>
    public static uint X86SetMsrFilter => Iow<KvmMsrFilter>(0xC6);

    /// <summary>VM: gives harvested dirty-ring entries back.</summary>
    public static uint ResetDirtyRings => Io(0xC7);

    /// <summary>vCPU: reads the system registers.</summary>
    public static uint GetSregs2 => Ior<KvmSregs2>(0xCC);

    /// <summary>vCPU: writes the system registers.</summary>
    public static uint SetSregs2 => Iow<KvmSregs2>(0xCD);

    /// <summary>vCPU: reads the extended state in the length of KVM_CAP_XSAVE2.</summary>
    public static uint GetXsave2 => Ior<KvmXsave>(0xCF);

    /// <summary>VM: makes pages private or shared.</summary>
    public static uint SetMemoryAttributes => Iow<KvmMemoryAttributes>(0xD2);

    /// <summary>VM: makes a file for private memory.</summary>
    public static uint CreateGuestMemfd => Iowr<KvmCreateGuestMemfd>(0xD4);

    /// <summary>vCPU: maps guest memory ahead.</summary>
    public static uint PreFaultMemory => Iowr<KvmPreFaultMemory>(0xD5);

    /// <summary>Any: sets a device attribute.</summary>
    public static uint SetDeviceAttr => Iow<KvmDeviceAttr>(0xE1);

    /// <summary>Any: reads a device attribute.</summary>
    public static uint GetDeviceAttr => Iow<KvmDeviceAttr>(0xE2);

    /// <summary>Any: asks for a device attribute.</summary>
    public static uint HasDeviceAttr => Iow<KvmDeviceAttr>(0xE3);

    private static uint Io(uint number) => Encode(0, KvmIo, number, 0);

    private static uint Ior<T>(uint number)
        where T : unmanaged => Encode(DirectionRead, KvmIo, number, (uint)Unsafe.SizeOf<T>());

    private static uint Iow<T>(uint number)
        where T : unmanaged => Encode(DirectionWrite, KvmIo, number, (uint)Unsafe.SizeOf<T>());

    private static uint Iowr<T>(uint number)
        where T : unmanaged => Encode(DirectionRead | DirectionWrite, KvmIo, number, (uint)Unsafe.SizeOf<T>());

    // The JIT and the ahead-of-time compiler fold this to a constant: every operand is one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Encode(uint direction, uint type, uint number, uint size)
        => (direction << 30) | (size << 16) | (type << 8) | number;
}
