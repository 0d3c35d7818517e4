namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Control bits of KVM_SET_GUEST_DEBUG.</summary>
[Flags]
[CConstants("KVM_GUESTDBG_")]
public enum KvmGuestDebugFlags : uint
{
    /// <summary>Debugging off.</summary>
    None = 0,

    /// <summary>Debugging on.</summary>
    Enable = 1,

    /// <summary>Exit after each instruction.</summary>
    Singlestep = 2,

    /// <summary>Exit at INT3.</summary>
    UseSwBp = 0x10000,

    /// <summary>Exit at the given debug registers.</summary>
    UseHwBp = 0x20000,

    /// <summary>Give the guest a debug exception.</summary>
    InjectDb = 0x40000,

    /// <summary>Give the guest a breakpoint exception.</summary>
    InjectBp = 0x80000,

    /// <summary>Hold back interrupts and NMIs while stepping.</summary>
    Blockirq = 0x100000,
}
