namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Capability of the kernel: the argument of KVM_CHECK_EXTENSION and KVM_ENABLE_CAP.</summary>
/// <remarks>Source: the kernel header linux/kvm.h, Linux 7.2.</remarks>
[CConstants("KVM_CAP_")]
public enum KvmCap : uint
{
    /// <summary>In-kernel PIC, I/O APIC and local APICs.</summary>
    Irqchip = 0,

    /// <summary>The VM can halt vCPUs in the kernel.</summary>
    Hlt = 1,

    /// <summary>The size of the shadow-page cache can be set.</summary>
    MmuShadowCacheControl = 2,

    /// <summary>Memslots over the monitor's own memory.</summary>
    UserMemory = 3,

    /// <summary>KVM_SET_TSS_ADDR.</summary>
    SetTssAddr = 4,

    /// <summary>Task-priority shadow in guest memory.</summary>
    Vapic = 6,

    /// <summary>KVM_GET_SUPPORTED_CPUID and KVM_SET_CPUID2.</summary>
    ExtCpuid = 7,

    /// <summary>kvm-clock.</summary>
    Clocksource = 8,

    /// <summary>Returns the recommended most vCPUs.</summary>
    NrVcpus = 9,

    /// <summary>Returns the most memslots.</summary>
    NrMemslots = 10,

    /// <summary>In-kernel 8254.</summary>
    Pit = 11,

    /// <summary>The guest is told to skip port delays.</summary>
    NopIoDelay = 12,

    /// <summary>Obsolete.</summary>
    PvMmu = 13,

    /// <summary>KVM_GET_MP_STATE and KVM_SET_MP_STATE.</summary>
    MpState = 14,

    /// <summary>Writes collected in a ring.</summary>
    CoalescedMmio = 15,

    /// <summary>Changes of the monitor's mappings reach the guest.</summary>
    SyncMmu = 16,

    /// <summary>Obsolete device assignment.</summary>
    Iommu = 18,

    /// <summary>A memslot can be deleted.</summary>
    DestroyMemoryRegionWorks = 21,

    /// <summary>KVM_NMI.</summary>
    UserNmi = 22,

    /// <summary>KVM_SET_GUEST_DEBUG.</summary>
    SetGuestDebug = 23,

    /// <summary>KVM_REINJECT_CONTROL.</summary>
    ReinjectControl = 24,

    /// <summary>KVM_SET_GSI_ROUTING; returns the most routes.</summary>
    IrqRouting = 25,

    /// <summary>KVM_IRQ_LINE_STATUS.</summary>
    IrqInjectStatus = 26,

    /// <summary>Obsolete device assignment.</summary>
    AssignDevIrq = 29,

    /// <summary>Memslots may touch.</summary>
    JoinMemoryRegionsWorks = 30,

    /// <summary>Machine checks; returns the count of banks.</summary>
    Mce = 31,

    /// <summary>KVM_IRQFD.</summary>
    Irqfd = 32,

    /// <summary>KVM_CREATE_PIT2.</summary>
    Pit2 = 33,

    /// <summary>KVM_SET_BOOT_CPU_ID.</summary>
    SetBootCpuId = 34,

    /// <summary>KVM_GET_PIT2 and KVM_SET_PIT2.</summary>
    PitState2 = 35,

    /// <summary>KVM_IOEVENTFD.</summary>
    Ioeventfd = 36,

    /// <summary>KVM_SET_IDENTITY_MAP_ADDR.</summary>
    SetIdentityMapAddr = 37,

    /// <summary>Xen interface; returns its flags.</summary>
    XenHvm = 38,

    /// <summary>KVM_GET_CLOCK and KVM_SET_CLOCK; returns the flags.</summary>
    AdjustClock = 39,

    /// <summary>Data with internal errors.</summary>
    InternalErrorData = 40,

    /// <summary>KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS.</summary>
    VcpuEvents = 41,

    /// <summary>s390 only.</summary>
    S390Psw = 42,

    /// <summary>PowerPC only.</summary>
    PpcSegstate = 43,

    /// <summary>Hyper-V interface.</summary>
    Hyperv = 44,

    /// <summary>Hyper-V virtual APIC.</summary>
    HypervVapic = 45,

    /// <summary>Hyper-V spinlocks.</summary>
    HypervSpin = 46,

    /// <summary>Obsolete device assignment.</summary>
    PciSegment = 47,

    /// <summary>PowerPC only.</summary>
    PpcPairedSingles = 48,

    /// <summary>The interrupt shadow can be saved.</summary>
    IntrShadow = 49,

    /// <summary>KVM_GET_DEBUGREGS and KVM_SET_DEBUGREGS.</summary>
    Debugregs = 50,

    /// <summary>Single steps are reliable.</summary>
    X86RobustSinglestep = 51,

    /// <summary>PowerPC only.</summary>
    PpcOsi = 52,

    /// <summary>PowerPC only.</summary>
    PpcUnsetIrq = 53,

    /// <summary>KVM_ENABLE_CAP on a vCPU.</summary>
    EnableCap = 54,

    /// <summary>KVM_GET_XSAVE and KVM_SET_XSAVE.</summary>
    Xsave = 55,

    /// <summary>KVM_GET_XCRS and KVM_SET_XCRS.</summary>
    Xcrs = 56,

    /// <summary>PowerPC only.</summary>
    PpcGetPvinfo = 57,

    /// <summary>PowerPC only.</summary>
    PpcIrqLevel = 58,

    /// <summary>Asynchronous page faults.</summary>
    AsyncPf = 59,

    /// <summary>The guest's time-stamp counter frequency can be set.</summary>
    TscControl = 60,

    /// <summary>KVM_GET_TSC_KHZ.</summary>
    GetTscKhz = 61,

    /// <summary>PowerPC only.</summary>
    PpcBookeSregs = 62,

    /// <summary>PowerPC only.</summary>
    SpaprTce = 63,

    /// <summary>PowerPC only.</summary>
    PpcSmt = 64,

    /// <summary>PowerPC only.</summary>
    PpcRma = 65,

    /// <summary>Returns the most vCPUs.</summary>
    MaxVcpus = 66,

    /// <summary>PowerPC only.</summary>
    PpcHior = 67,

    /// <summary>PowerPC only.</summary>
    PpcPapr = 68,

    /// <summary>PowerPC only.</summary>
    SwTlb = 69,

    /// <summary>KVM_GET_ONE_REG and KVM_SET_ONE_REG.</summary>
    OneReg = 70,

    /// <summary>s390 only.</summary>
    S390Gmap = 71,

    /// <summary>TSC deadline timer of the in-kernel APIC.</summary>
    TscDeadlineTimer = 72,

    /// <summary>s390 only.</summary>
    S390Ucontrol = 73,

    /// <summary>Registers in kvm_run; returns the sets, see <see cref="KvmSyncRegsFields"/>.</summary>
    SyncRegs = 74,

    /// <summary>Obsolete device assignment.</summary>
    [CName("KVM_CAP_PCI_2_3")]
    Pci23 = 75,

    /// <summary>KVM_KVMCLOCK_CTRL: tell the guest that it was paused.</summary>
    KvmclockCtrl = 76,

    /// <summary>KVM_SIGNAL_MSI.</summary>
    SignalMsi = 77,

    /// <summary>PowerPC only.</summary>
    PpcGetSmmuInfo = 78,

    /// <summary>s390 only.</summary>
    S390Cow = 79,

    /// <summary>PowerPC only.</summary>
    PpcAllocHtab = 80,

    /// <summary>Read-only memslots; absent for SEV-ES and SNP VM types.</summary>
    ReadonlyMem = 81,

    /// <summary>Resampling irqfds.</summary>
    IrqfdResample = 82,

    /// <summary>PowerPC only.</summary>
    PpcBookeWatchdog = 83,

    /// <summary>PowerPC only.</summary>
    PpcHtabFd = 84,

    /// <summary>s390 only.</summary>
    S390CssSupport = 85,

    /// <summary>PowerPC only.</summary>
    PpcEpr = 86,

    /// <summary>Arm only.</summary>
    ArmPsci = 87,

    /// <summary>Arm only.</summary>
    ArmSetDeviceAddr = 88,

    /// <summary>KVM_CREATE_DEVICE.</summary>
    DeviceCtrl = 89,

    /// <summary>PowerPC only.</summary>
    IrqMpic = 90,

    /// <summary>PowerPC only.</summary>
    PpcRtas = 91,

    /// <summary>PowerPC only.</summary>
    IrqXics = 92,

    /// <summary>Arm only.</summary>
    [CName("KVM_CAP_ARM_EL1_32BIT")]
    ArmEl132Bit = 93,

    /// <summary>PowerPC only.</summary>
    SpaprMultitce = 94,

    /// <summary>KVM_GET_EMULATED_CPUID.</summary>
    ExtEmulCpuid = 95,

    /// <summary>Hyper-V reference time.</summary>
    HypervTime = 96,

    /// <summary>The I/O APIC ignores the polarity bit.</summary>
    IoapicPolarityIgnored = 97,

    /// <summary>KVM_ENABLE_CAP on a VM.</summary>
    EnableCapVm = 98,

    /// <summary>s390 only.</summary>
    S390Irqchip = 99,

    /// <summary>MMIO ioeventfds of any length.</summary>
    IoeventfdNoLength = 100,

    /// <summary>Device attributes on a VM.</summary>
    VmAttributes = 101,

    /// <summary>Arm only.</summary>
    [CName("KVM_CAP_ARM_PSCI_0_2")]
    ArmPsci02 = 102,

    /// <summary>PowerPC only.</summary>
    PpcFixupHcall = 103,

    /// <summary>PowerPC only.</summary>
    PpcEnableHcall = 104,

    /// <summary>KVM_CHECK_EXTENSION on a VM.</summary>
    CheckExtensionVm = 105,

    /// <summary>s390 only.</summary>
    S390UserSigp = 106,

    /// <summary>s390 only.</summary>
    S390VectorRegisters = 107,

    /// <summary>s390 only.</summary>
    S390MemOp = 108,

    /// <summary>s390 only.</summary>
    S390UserStsi = 109,

    /// <summary>s390 only.</summary>
    S390Skeys = 110,

    /// <summary>MIPS only.</summary>
    MipsFpu = 111,

    /// <summary>MIPS only.</summary>
    MipsMsa = 112,

    /// <summary>s390 only.</summary>
    S390InjectIrq = 113,

    /// <summary>s390 only.</summary>
    S390IrqState = 114,

    /// <summary>PowerPC only.</summary>
    PpcHwrng = 115,

    /// <summary>Old behaviours can be turned off.</summary>
    DisableQuirks = 116,

    /// <summary>System management mode.</summary>
    X86Smm = 117,

    /// <summary>Returns the count of address spaces.</summary>
    MultiAddressSpace = 118,

    /// <summary>Returns the count of hardware breakpoints; not on x86.</summary>
    GuestDebugHwBps = 119,

    /// <summary>Returns the count of hardware watchpoints; not on x86.</summary>
    GuestDebugHwWps = 120,

    /// <summary>In-kernel local APICs only; the argument is the count of I/O APIC pins.</summary>
    SplitIrqchip = 121,

    /// <summary>ioeventfds of any length.</summary>
    IoeventfdAnyLength = 122,

    /// <summary>Hyper-V synthetic interrupt controller.</summary>
    HypervSynic = 123,

    /// <summary>s390 only.</summary>
    S390Ri = 124,

    /// <summary>PowerPC only.</summary>
    [CName("KVM_CAP_SPAPR_TCE_64")]
    SpaprTce64 = 125,

    /// <summary>Arm only.</summary>
    ArmPmuV3 = 126,

    /// <summary>Device attributes on a vCPU.</summary>
    VcpuAttributes = 127,

    /// <summary>Returns, or limits, the highest vCPU identifier.</summary>
    MaxVcpuId = 128,

    /// <summary>32-bit APIC identifiers.</summary>
    X2apicApi = 129,

    /// <summary>s390 only.</summary>
    S390UserInstr0 = 130,

    /// <summary>Message-signalled interrupts with a device identifier; not on x86.</summary>
    MsiDevid = 131,

    /// <summary>PowerPC only.</summary>
    PpcHtm = 132,

    /// <summary>PowerPC only.</summary>
    SpaprResizeHpt = 133,

    /// <summary>PowerPC only.</summary>
    PpcMmuRadix = 134,

    /// <summary>PowerPC only.</summary>
    PpcMmuHashV3 = 135,

    /// <summary>kvm_run.immediate_exit.</summary>
    ImmediateExit = 136,

    /// <summary>MIPS only.</summary>
    MipsVz = 137,

    /// <summary>MIPS only.</summary>
    MipsTe = 138,

    /// <summary>MIPS only.</summary>
    [CName("KVM_CAP_MIPS_64BIT")]
    Mips64bit = 139,

    /// <summary>s390 only.</summary>
    S390Gs = 140,

    /// <summary>s390 only.</summary>
    S390Ais = 141,

    /// <summary>PowerPC only.</summary>
    SpaprTceVfio = 142,

    /// <summary>HLT, PAUSE and MWAIT need not exit; returns the choices.</summary>
    X86DisableExits = 143,

    /// <summary>Arm only.</summary>
    ArmUserIrq = 144,

    /// <summary>s390 only.</summary>
    S390CmmaMigration = 145,

    /// <summary>PowerPC only.</summary>
    PpcFwnmi = 146,

    /// <summary>PowerPC only.</summary>
    PpcSmtPossible = 147,

    /// <summary>Hyper-V synthetic interrupt controller, corrected.</summary>
    HypervSynic2 = 148,

    /// <summary>Hyper-V virtual processor index.</summary>
    HypervVpIndex = 149,

    /// <summary>s390 only.</summary>
    S390AisMigration = 150,

    /// <summary>PowerPC only.</summary>
    PpcGetCpuChar = 151,

    /// <summary>s390 only.</summary>
    S390Bpb = 152,

    /// <summary>Feature MSRs of the host.</summary>
    GetMsrFeatures = 153,

    /// <summary>KVM_HYPERV_EVENTFD.</summary>
    HypervEventfd = 154,

    /// <summary>Hyper-V TLB flush.</summary>
    HypervTlbflush = 155,

    /// <summary>s390 only.</summary>
    [CName("KVM_CAP_S390_HPAGE_1M")]
    S390Hpage1m = 156,

    /// <summary>State of nested guests; returns its size in bytes.</summary>
    NestedState = 157,

    /// <summary>Arm only.</summary>
    ArmInjectSerrorEsr = 158,

    /// <summary>The guest may read MSR_PLATFORM_INFO.</summary>
    MsrPlatformInfo = 159,

    /// <summary>PowerPC only.</summary>
    PpcNestedHv = 160,

    /// <summary>Hyper-V interrupts between processors.</summary>
    HypervSendIpi = 161,

    /// <summary>Port writes collected in a ring.</summary>
    CoalescedPio = 162,

    /// <summary>Hyper-V enlightened VMCS.</summary>
    HypervEnlightenedVmcs = 163,

    /// <summary>Pending exceptions carry CR2 or DR6.</summary>
    ExceptionPayload = 164,

    /// <summary>Arm only.</summary>
    ArmVmIpaSize = 165,

    /// <summary>Obsolete.</summary>
    ManualDirtyLogProtect = 166,

    /// <summary>KVM_GET_SUPPORTED_HV_CPUID.</summary>
    HypervCpuid = 167,

    /// <summary>KVM_CLEAR_DIRTY_LOG; returns the flags.</summary>
    ManualDirtyLogProtect2 = 168,

    /// <summary>PowerPC only.</summary>
    PpcIrqXive = 169,

    /// <summary>Arm only.</summary>
    ArmSve = 170,

    /// <summary>Arm only.</summary>
    ArmPtrauthAddress = 171,

    /// <summary>Arm only.</summary>
    ArmPtrauthGeneric = 172,

    /// <summary>KVM_SET_PMU_EVENT_FILTER.</summary>
    PmuEventFilter = 173,

    /// <summary>Arm only.</summary>
    [CName("KVM_CAP_ARM_IRQ_LINE_LAYOUT_2")]
    ArmIrqLineLayout2 = 174,

    /// <summary>Hyper-V TLB flush of nested guests.</summary>
    HypervDirectTlbflush = 175,

    /// <summary>PowerPC only.</summary>
    PpcGuestDebugSstep = 176,

    /// <summary>Arm only.</summary>
    ArmNisvToUser = 177,

    /// <summary>Arm only.</summary>
    ArmInjectExtDabt = 178,

    /// <summary>s390 only.</summary>
    S390VcpuResets = 179,

    /// <summary>s390 only.</summary>
    S390Protected = 180,

    /// <summary>PowerPC only.</summary>
    PpcSecureGuest = 181,

    /// <summary>Longest host polling on HLT, in nanoseconds.</summary>
    HaltPoll = 182,

    /// <summary>Asynchronous page faults by interrupt.</summary>
    AsyncPfInt = 183,

    /// <summary>Not used on x86.</summary>
    LastCpu = 184,

    /// <summary>A guest may have fewer physical address bits than the host.</summary>
    SmallerMaxphyaddr = 185,

    /// <summary>s390 only.</summary>
    S390Diag318 = 186,

    /// <summary>Steal time; not used on x86.</summary>
    StealTime = 187,

    /// <summary>MSR accesses exit; the argument is a <see cref="KvmMsrExitReason"/> mask.</summary>
    X86UserSpaceMsr = 188,

    /// <summary>KVM_X86_SET_MSR_FILTER.</summary>
    X86MsrFilter = 189,

    /// <summary>Holds the guest to the paravirtual features of its CPUID.</summary>
    EnforcePvFeatureCpuid = 190,

    /// <summary>KVM_GET_SUPPORTED_HV_CPUID on /dev/kvm.</summary>
    SysHypervCpuid = 191,

    /// <summary>Dirty rings; returns the most bytes.</summary>
    DirtyLogRing = 192,

    /// <summary>Exits on bus locks; returns the choices.</summary>
    X86BusLockExit = 193,

    /// <summary>PowerPC only.</summary>
    PpcDawr1 = 194,

    /// <summary>Returns the KVM_SET_GUEST_DEBUG bits.</summary>
    SetGuestDebug2 = 195,

    /// <summary>The guest may use a privileged SGX attribute.</summary>
    SgxAttribute = 196,

    /// <summary>Makes this VM a mirror of another's SEV context; the argument is that VM's descriptor.</summary>
    VmCopyEncContextFrom = 197,

    /// <summary>Not used on x86.</summary>
    PtpKvm = 198,

    /// <summary>Holds the guest to the Hyper-V features of its CPUID.</summary>
    HypervEnforceCpuid = 199,

    /// <summary>KVM_GET_SREGS2 and KVM_SET_SREGS2.</summary>
    Sregs2 = 200,

    /// <summary>
    /// Hypercalls exit; the argument is a mask of <see cref="KvmHypercall"/> bits, of which the kernel offers 1 &lt;&lt; 12.
    /// </summary>
    ExitHypercall = 201,

    /// <summary>PowerPC only.</summary>
    PpcRptInvalidate = 202,

    /// <summary>KVM_GET_STATS_FD.</summary>
    BinaryStatsFd = 203,

    /// <summary>Every failed emulation exits.</summary>
    ExitOnEmulationFailure = 204,

    /// <summary>Arm only.</summary>
    ArmMte = 205,

    /// <summary>Moves another VM's SEV context here; the argument is that VM's descriptor.</summary>
    VmMoveEncContextFrom = 206,

    /// <summary>Returns the guest physical address bits; not on x86.</summary>
    VmGpaBits = 207,

    /// <summary>Returns the bytes of KVM_GET_XSAVE2.</summary>
    Xsave2 = 208,

    /// <summary>Device attributes on /dev/kvm.</summary>
    SysAttributes = 209,

    /// <summary>PowerPC only.</summary>
    [CName("KVM_CAP_PPC_AIL_MODE_3")]
    PpcAilMode3 = 210,

    /// <summary>s390 only.</summary>
    S390MemOpExtension = 211,

    /// <summary>The guest's performance counters can be turned off.</summary>
    PmuCapability = 212,

    /// <summary>Returns the quirks that can be turned off, see <see cref="KvmQuirk"/>.</summary>
    DisableQuirks2 = 213,

    /// <summary>KVM_SET_TSC_KHZ on a VM.</summary>
    VmTscControl = 214,

    /// <summary>Data with system events.</summary>
    SystemEventData = 215,

    /// <summary>Arm only.</summary>
    ArmSystemSuspend = 216,

    /// <summary>s390 only.</summary>
    S390ProtectedDump = 217,

    /// <summary>A pending triple fault can be saved.</summary>
    X86TripleFaultEvent = 218,

    /// <summary>Exit when the guest blocks events too long.</summary>
    X86NotifyVmexit = 219,

    /// <summary>The huge-page execute mitigation can be turned off.</summary>
    VmDisableNxHugePages = 220,

    /// <summary>s390 only.</summary>
    S390ZpciOp = 221,

    /// <summary>s390 only.</summary>
    S390CpuTopology = 222,

    /// <summary>Dirty rings on weakly ordered hosts; returns the most bytes.</summary>
    DirtyLogRingAcqRel = 223,

    /// <summary>s390 only.</summary>
    S390ProtectedAsyncDisable = 224,

    /// <summary>Dirty ring with a bitmap beside it; not on x86.</summary>
    DirtyLogRingWithBitmap = 225,

    /// <summary>Masked events in the counter filter.</summary>
    PmuEventMaskedEvents = 226,

    /// <summary>Arm only.</summary>
    CounterOffset = 227,

    /// <summary>Arm only.</summary>
    ArmEagerSplitChunkSize = 228,

    /// <summary>Arm only.</summary>
    ArmSupportedBlockSizes = 229,

    /// <summary>Arm only.</summary>
    ArmSupportedRegMaskRanges = 230,

    /// <summary>KVM_SET_USER_MEMORY_REGION2.</summary>
    UserMemory2 = 231,

    /// <summary>KVM_EXIT_MEMORY_FAULT.</summary>
    MemoryFaultInfo = 232,

    /// <summary>KVM_SET_MEMORY_ATTRIBUTES; returns the attributes.</summary>
    MemoryAttributes = 233,

    /// <summary>KVM_CREATE_GUEST_MEMFD.</summary>
    GuestMemfd = 234,

    /// <summary>Returns one bit for each <see cref="KvmVmType"/> that the host offers.</summary>
    VmTypes = 235,

    /// <summary>KVM_PRE_FAULT_MEMORY.</summary>
    PreFaultMemory = 236,

    /// <summary>Length of an APIC bus cycle in nanoseconds.</summary>
    X86ApicBusCyclesNs = 237,

    /// <summary><see cref="KvmRunFlags.GuestMode"/> is reported.</summary>
    X86GuestMode = 238,

    /// <summary>Arm only.</summary>
    ArmWritableImpIdRegs = 239,

    /// <summary>Arm only.</summary>
    ArmEl2 = 240,

    /// <summary>Arm only.</summary>
    ArmEl2E2h0 = 241,

    /// <summary>RISC-V only.</summary>
    RiscvMpStateReset = 242,

    /// <summary>Arm only.</summary>
    ArmCacheablePfnmapSupported = 243,

    /// <summary>Returns the <see cref="GuestMemfdFlags"/> that the kernel takes.</summary>
    GuestMemfdFlags = 244,

    /// <summary>Arm only.</summary>
    ArmSeaToUser = 245,

    /// <summary>s390 only.</summary>
    S390UserOperexec = 246,

    /// <summary>s390 only.</summary>
    S390Keyop = 247,

    /// <summary>s390 only.</summary>
    S390VsieEsamode = 248,

    /// <summary>s390 only.</summary>
    [CName("KVM_CAP_S390_HPAGE_2G")]
    S390Hpage2g = 249,
}
