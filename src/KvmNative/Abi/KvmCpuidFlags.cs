namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of <see cref="KvmCpuidEntry2"/>.</summary>
[Flags]
[CConstants("KVM_CPUID_FLAG_")]
public enum KvmCpuidFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The subleaf counts. The kernel spells it so.</summary>
    SignifcantIndex = 1,

    /// <summary>Obsolete.</summary>
    StatefulFunc = 2,

    /// <summary>Obsolete.</summary>
    StateReadNext = 4,
}
