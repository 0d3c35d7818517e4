namespace KvmSevVmm.KvmNative.Abi;

/// <summary>What a vCPU is doing.</summary>
[CConstants("KVM_MP_STATE_")]
public enum KvmMpStateValue : uint
{
    /// <summary>It runs.</summary>
    Runnable = 0,

    /// <summary>An application processor before INIT.</summary>
    Uninitialized = 1,

    /// <summary>INIT came, start-up IPI not yet.</summary>
    InitReceived = 2,

    /// <summary>HLT.</summary>
    Halted = 3,

    /// <summary>Start-up IPI came.</summary>
    SipiReceived = 4,

    /// <summary>Not on x86.</summary>
    Stopped = 5,

    /// <summary>s390 only.</summary>
    CheckStop = 6,

    /// <summary>s390 only.</summary>
    Operating = 7,

    /// <summary>s390 only.</summary>
    Load = 8,

    /// <summary>A SEV-ES vCPU waits to be started.</summary>
    ApResetHold = 9,

    /// <summary>Arm only.</summary>
    Suspended = 10,
}
