namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Limits and defaults of an MSR filter.</summary>
[CConstants("KVM_MSR_FILTER_")]
public static class KvmMsrFilterLimits
{
    /// <summary>Default: allow what no range names.</summary>
    public const uint DefaultAllow = 0;

    /// <summary>Default: deny what no range names.</summary>
    public const uint DefaultDeny = 1;

    /// <summary>Most ranges.</summary>
    public const uint MaxRanges = 16;

    /// <summary>Most bytes of one bitmap.</summary>
    public const uint MaxBitmapSize = 0x600;
}
