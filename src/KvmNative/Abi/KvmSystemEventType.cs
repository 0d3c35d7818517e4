namespace KvmSevVmm.KvmNative.Abi;

/// <summary>What a guest asks of the whole machine.</summary>
[CConstants("KVM_SYSTEM_EVENT_")]
public enum KvmSystemEventType : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Power off.</summary>
    Shutdown = 1,

    /// <summary>Reset.</summary>
    Reset = 2,

    /// <summary>The guest crashed.</summary>
    Crash = 3,

    /// <summary>Wake-up; not on x86.</summary>
    Wakeup = 4,

    /// <summary>Suspend; not on x86.</summary>
    Suspend = 5,

    /// <summary>A SEV guest asked to be ended; the data are the GHCB MSR value.</summary>
    SevTerm = 6,

    /// <summary>A TDX guest met a fatal error.</summary>
    TdxFatal = 7,
}
