namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of KVM_IOEVENTFD.</summary>
[Flags]
[CConstants("KVM_IOEVENTFD_FLAG_")]
public enum KvmIoeventfdFlags : uint
{
    /// <summary>Assign a guest physical address.</summary>
    None = 0,

    /// <summary>Only this value signals.</summary>
    Datamatch = 1,

    /// <summary>The address is a port.</summary>
    Pio = 2,

    /// <summary>Undo an assignment.</summary>
    Deassign = 4,

    /// <summary>s390 only.</summary>
    VirtioCcwNotify = 8,
}
