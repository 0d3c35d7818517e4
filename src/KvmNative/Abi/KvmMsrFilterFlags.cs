namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Accesses that a range of an MSR filter governs.</summary>
[Flags]
[CConstants("KVM_MSR_FILTER_")]
public enum KvmMsrFilterFlags : uint
{
    /// <summary>No access.</summary>
    None = 0,

    /// <summary>RDMSR.</summary>
    Read = 1,

    /// <summary>WRMSR.</summary>
    Write = 2,
}
