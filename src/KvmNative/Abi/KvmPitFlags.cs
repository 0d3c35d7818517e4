namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of <see cref="KvmPitState2"/>.</summary>
[Flags]
[CConstants("KVM_PIT_FLAGS_")]
public enum KvmPitFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The HPET replaces channel 0.</summary>
    HpetLegacy = 1,

    /// <summary>The speaker gate is open.</summary>
    SpeakerDataOn = 2,
}
