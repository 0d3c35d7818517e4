namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Bits of <see cref="SevUserDataStatus.Flags"/> that the header names.</summary>
[Flags]
[CConstants("SEV_STATUS_FLAGS_")]
public enum SevStatusFlags : uint
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>The platform is configured for SEV-ES.</summary>
    ConfigEs = 0x100,
}
