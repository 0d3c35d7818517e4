namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of <see cref="KvmClockData"/>.</summary>
[Flags]
[CConstants("KVM_CLOCK_")]
public enum KvmClockFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The clock is the same on every vCPU.</summary>
    TscStable = 2,

    /// <summary><see cref="KvmClockData.Realtime"/> counts.</summary>
    Realtime = 4,

    /// <summary><see cref="KvmClockData.HostTsc"/> counts.</summary>
    HostTsc = 8,
}
