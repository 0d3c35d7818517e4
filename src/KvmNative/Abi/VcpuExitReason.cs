namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Why KVM_RUN returned.</summary>
/// <remarks>Source: the kernel header linux/kvm.h, Linux 7.2.</remarks>
[CConstants("KVM_EXIT_")]
public enum VcpuExitReason : uint
{
    /// <summary>The processor reported something that the kernel does not know.</summary>
    Unknown = 0,

    /// <summary>An exception; unused on x86.</summary>
    Exception = 1,

    /// <summary>Port access.</summary>
    Io = 2,

    /// <summary>Hypercall that KVM_CAP_EXIT_HYPERCALL hands over.</summary>
    Hypercall = 3,

    /// <summary>Breakpoint or single step.</summary>
    Debug = 4,

    /// <summary>HLT, without an in-kernel APIC.</summary>
    Hlt = 5,

    /// <summary>Access to memory that no memslot backs.</summary>
    Mmio = 6,

    /// <summary>The guest can take an interrupt, as requested.</summary>
    IrqWindowOpen = 7,

    /// <summary>Triple fault; no state is valid for SEV-ES and SNP guests.</summary>
    Shutdown = 8,

    /// <summary>The processor refused to enter the guest.</summary>
    FailEntry = 9,

    /// <summary>A signal or immediate_exit ended KVM_RUN, which failed with EINTR.</summary>
    [CName("KVM_EXIT_INTR")]
    Interrupted = 10,

    /// <summary>The guest lowered its task priority, without an in-kernel APIC.</summary>
    SetTpr = 11,

    /// <summary>Access to the task-priority register.</summary>
    TprAccess = 12,

    /// <summary>s390 only.</summary>
    S390Sieic = 13,

    /// <summary>s390 only.</summary>
    S390Reset = 14,

    /// <summary>PowerPC only, deprecated.</summary>
    Dcr = 15,

    /// <summary>A host NMI; unused on x86.</summary>
    Nmi = 16,

    /// <summary>Something that the kernel cannot handle.</summary>
    InternalError = 17,

    /// <summary>PowerPC only.</summary>
    Osi = 18,

    /// <summary>PowerPC only.</summary>
    PaprHcall = 19,

    /// <summary>s390 only.</summary>
    S390Ucontrol = 20,

    /// <summary>PowerPC only.</summary>
    Watchdog = 21,

    /// <summary>s390 only.</summary>
    S390Tsch = 22,

    /// <summary>PowerPC only.</summary>
    Epr = 23,

    /// <summary>The guest asked for something of the whole machine.</summary>
    SystemEvent = 24,

    /// <summary>s390 only.</summary>
    S390Stsi = 25,

    /// <summary>End of interrupt, with a split interrupt controller.</summary>
    IoapicEoi = 26,

    /// <summary>Event of the Hyper-V interface.</summary>
    Hyperv = 27,

    /// <summary>Arm only.</summary>
    ArmNisv = 28,

    /// <summary>RDMSR that KVM_CAP_X86_USER_SPACE_MSR hands over.</summary>
    X86Rdmsr = 29,

    /// <summary>WRMSR that KVM_CAP_X86_USER_SPACE_MSR hands over.</summary>
    X86Wrmsr = 30,

    /// <summary>The vCPU's dirty ring is full.</summary>
    DirtyRingFull = 31,

    /// <summary>A SEV-ES vCPU waits to be started, without an in-kernel APIC.</summary>
    ApResetHold = 32,

    /// <summary>The guest took a bus lock.</summary>
    X86BusLock = 33,

    /// <summary>Hypercall of the Xen interface.</summary>
    Xen = 34,

    /// <summary>RISC-V only.</summary>
    RiscvSbi = 35,

    /// <summary>RISC-V only.</summary>
    RiscvCsr = 36,

    /// <summary>The guest kept the processor from taking events.</summary>
    Notify = 37,

    /// <summary>LoongArch only.</summary>
    LoongarchIocsr = 38,

    /// <summary>Access that the memory attributes do not allow; KVM_RUN failed with EFAULT.</summary>
    MemoryFault = 39,

    /// <summary>Call of an Intel TDX guest.</summary>
    Tdx = 40,

    /// <summary>Arm only.</summary>
    ArmSea = 41,

    /// <summary>Arm only.</summary>
    ArmLdst64b = 42,

    /// <summary>A SNP guest asked for the host's certificates.</summary>
    SnpReqCerts = 43,
}
