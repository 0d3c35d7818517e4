namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Number of a paravirtual hypercall, in RAX.</summary>
[CConstants("KVM_HC_")]
public enum KvmHypercall : ulong
{
    /// <summary>Polls for an interrupt.</summary>
    VapicPollIrq = 1,

    /// <summary>Obsolete.</summary>
    MmuOp = 2,

    /// <summary>Obsolete.</summary>
    Features = 3,

    /// <summary>PowerPC only.</summary>
    PpcMapMagicPage = 4,

    /// <summary>Wakes a halted vCPU.</summary>
    KickCpu = 5,

    /// <summary>MIPS only.</summary>
    MipsGetClockFreq = 6,

    /// <summary>MIPS only.</summary>
    MipsExitVm = 7,

    /// <summary>MIPS only.</summary>
    MipsConsoleOutput = 8,

    /// <summary>Reads host time and time-stamp counter together.</summary>
    ClockPairing = 9,

    /// <summary>Sends an interrupt to several vCPUs.</summary>
    SendIpi = 10,

    /// <summary>Gives the processor to another vCPU.</summary>
    SchedYield = 11,

    /// <summary>Tells that pages became private or shared.</summary>
    MapGpaRange = 12,
}
