namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Bit number in EAX of CPUID leaf 0x40000001.</summary>
[CConstants("KVM_FEATURE_")]
public enum KvmFeature
{
    /// <summary>kvm-clock at the old MSR numbers.</summary>
    Clocksource = 0,

    /// <summary>Port access needs no delay.</summary>
    NopIoDelay = 1,

    /// <summary>Obsolete.</summary>
    MmuOp = 2,

    /// <summary>kvm-clock at the new MSR numbers.</summary>
    Clocksource2 = 3,

    /// <summary>Asynchronous page faults.</summary>
    AsyncPf = 4,

    /// <summary>Steal time.</summary>
    StealTime = 5,

    /// <summary>End of interrupt without an exit.</summary>
    PvEoi = 6,

    /// <summary>Paravirtual spinlocks.</summary>
    PvUnhalt = 7,

    /// <summary>Paravirtual TLB flush.</summary>
    PvTlbFlush = 9,

    /// <summary>Asynchronous page faults as exits of a nested guest.</summary>
    AsyncPfVmexit = 10,

    /// <summary><see cref="KvmHypercall.SendIpi"/> exists.</summary>
    PvSendIpi = 11,

    /// <summary>The guest can stop host polling on HLT.</summary>
    PollControl = 12,

    /// <summary><see cref="KvmHypercall.SchedYield"/> exists.</summary>
    PvSchedYield = 13,

    /// <summary>Asynchronous page faults by interrupt.</summary>
    AsyncPfInt = 14,

    /// <summary>Message-signalled interrupts reach 32,768 processors.</summary>
    MsiExtDestId = 15,

    /// <summary><see cref="KvmHypercall.MapGpaRange"/> exists; the monitor sets this bit, never KVM.</summary>
    HcMapGpaRange = 16,

    /// <summary><see cref="KvmParavirtMsr.MigrationControl"/> exists; the monitor sets this bit, never KVM.</summary>
    MigrationControl = 17,

    /// <summary>kvm-clock is stable between vCPUs.</summary>
    ClocksourceStableBit = 24,
}
