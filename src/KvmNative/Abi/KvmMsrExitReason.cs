namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Why an MSR access exits; the argument of KVM_CAP_X86_USER_SPACE_MSR.</summary>
[Flags]
[CConstants("KVM_MSR_EXIT_REASON_")]
public enum KvmMsrExitReason : uint
{
    /// <summary>No exits.</summary>
    None = 0,

    /// <summary>The access is invalid.</summary>
    Inval = 1,

    /// <summary>KVM does not know the MSR.</summary>
    Unknown = 2,

    /// <summary>The MSR filter denies it.</summary>
    Filter = 4,
}
