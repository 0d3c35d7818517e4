namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Old behaviours that KVM_CAP_DISABLE_QUIRKS2 turns off.</summary>
[Flags]
[CConstants("KVM_X86_QUIRK_")]
public enum KvmQuirk : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>LINT0 starts enabled.</summary>
    Lint0Reenabled = 1,

    /// <summary>CR0.CD and CR0.NW start clear.</summary>
    CdNwCleared = 2,

    /// <summary>The APIC page answers in x2APIC mode.</summary>
    LapicMmioHole = 4,

    /// <summary>OUT 0x7E advances RIP before the exit.</summary>
    [CName("KVM_X86_QUIRK_OUT_7E_INC_RIP")]
    Out7eIncRip = 8,

    /// <summary>IA32_MISC_ENABLE governs the MWAIT feature bit.</summary>
    MiscEnableNoMwait = 0x10,

    /// <summary>KVM rewrites the other vendor's hypercall instruction.</summary>
    FixHypercallInsn = 0x20,

    /// <summary>MWAIT and MONITOR never fault.</summary>
    MwaitNeverUdFaults = 0x40,

    /// <summary>Deleting a memslot drops all mappings.</summary>
    SlotZapAll = 0x80,

    /// <summary>Feature MSRs start with KVM's values.</summary>
    StuffFeatureMsrs = 0x100,

    /// <summary>The guest's PAT does not count.</summary>
    IgnoreGuestPat = 0x200,
}
