namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of <see cref="KvmRun"/>.</summary>
[Flags]
[CConstants("KVM_RUN_X86_")]
public enum KvmRunFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The vCPU is in system management mode.</summary>
    Smm = 1,

    /// <summary>The exit was caused by a bus lock.</summary>
    BusLock = 2,

    /// <summary>The vCPU runs a nested guest.</summary>
    GuestMode = 4,
}
