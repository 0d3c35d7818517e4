namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Register sets of <see cref="KvmSyncRegs"/>.</summary>
[Flags]
[CConstants("KVM_SYNC_X86_")]
public enum KvmSyncRegsFields : ulong
{
    /// <summary>No set.</summary>
    None = 0,

    /// <summary>General registers.</summary>
    Regs = 1,

    /// <summary>System registers.</summary>
    Sregs = 2,

    /// <summary>Pending events.</summary>
    Events = 4,
}
