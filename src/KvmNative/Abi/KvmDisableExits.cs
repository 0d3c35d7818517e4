namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Instructions that need not exit; the argument of KVM_CAP_X86_DISABLE_EXITS.</summary>
[Flags]
[CConstants("KVM_X86_DISABLE_EXITS_")]
public enum KvmDisableExits : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>MWAIT.</summary>
    Mwait = 1,

    /// <summary>HLT.</summary>
    Hlt = 2,

    /// <summary>PAUSE.</summary>
    Pause = 4,

    /// <summary>Deeper idle states.</summary>
    Cstate = 8,

    /// <summary>Reading APERF and MPERF.</summary>
    Aperfmperf = 0x10,
}
