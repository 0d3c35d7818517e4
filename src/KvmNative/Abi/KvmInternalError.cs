namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Cause of KVM_EXIT_INTERNAL_ERROR.</summary>
[CConstants("KVM_INTERNAL_ERROR_")]
public enum KvmInternalError : uint
{
    /// <summary>No cause.</summary>
    None = 0,

    /// <summary>An instruction that the kernel cannot emulate.</summary>
    Emulation = 1,

    /// <summary>Simultaneous exceptions.</summary>
    SimulEx = 2,

    /// <summary>An exit while an event was delivered.</summary>
    DeliveryEv = 3,

    /// <summary>An exit that the kernel does not expect.</summary>
    UnexpectedExitReason = 4,
}
