namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Numbers of the interface that belong to no other family.</summary>
[CConstants("KVM_")]
public static class KvmLimits
{
    /// <summary>The only API version there is.</summary>
    public const uint ApiVersion = 12;

    /// <summary>Count of interrupt vectors.</summary>
    public const uint NrInterrupts = 0x100;

    /// <summary>Pins of the I/O APIC.</summary>
    public const uint IoapicNumPins = 24;

    /// <summary>Count of interrupt controllers.</summary>
    public const uint NrIrqchips = 3;

    /// <summary>Bytes of the APIC state.</summary>
    public const uint ApicRegSize = 0x400;

    /// <summary>Most extended control registers.</summary>
    public const uint MaxXcrs = 16;

    /// <summary>Flag of KVM_CREATE_PIT2: answer port 0x61 in the kernel.</summary>
    public const uint PitSpeakerDummy = 1;

    /// <summary>Flag of a message-signalled interrupt: its device identifier counts.</summary>
    public const uint MsiValidDevid = 1;

    /// <summary>Flag of <see cref="KvmSregs2"/>: the page-directory pointers count.</summary>
    public const uint Sregs2FlagsPdptrsValid = 1;

    /// <summary>Bytes of an ID block.</summary>
    public const uint SevSnpIdBlockSize = 96;

    /// <summary>Bytes of an ID authentication block.</summary>
    public const uint SevSnpIdAuthSize = 0x1000;

    /// <summary>Bytes of host data.</summary>
    public const uint SevSnpFinishDataSize = 32;

    /// <summary>Page of the vCPU mapping that holds port data.</summary>
    public const uint PioPageOffset = 1;

    /// <summary>Page of the vCPU mapping that holds the coalesced-MMIO ring.</summary>
    public const uint CoalescedMmioPageOffset = 2;

    /// <summary>First page of the vCPU mapping that holds the dirty ring.</summary>
    public const uint DirtyLogPageOffset = 64;
}
