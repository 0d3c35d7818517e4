namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parts of <see cref="KvmVcpuEvents"/> that count.</summary>
[Flags]
[CConstants("KVM_VCPUEVENT_VALID_")]
public enum KvmVcpuEventFlags : uint
{
    /// <summary>No optional part.</summary>
    None = 0,

    /// <summary>Pending NMIs.</summary>
    NmiPending = 1,

    /// <summary>Start-up IPI vector.</summary>
    SipiVector = 2,

    /// <summary>Interrupt shadow.</summary>
    Shadow = 4,

    /// <summary>System management mode.</summary>
    Smm = 8,

    /// <summary>Exception payload.</summary>
    Payload = 0x10,

    /// <summary>Triple fault.</summary>
    TripleFault = 0x20,
}
