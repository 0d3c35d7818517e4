namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of KVM_IRQFD.</summary>
[Flags]
[CConstants("KVM_IRQFD_FLAG_")]
public enum KvmIrqfdFlags : uint
{
    /// <summary>Assign.</summary>
    None = 0,

    /// <summary>Undo an assignment.</summary>
    Deassign = 1,

    /// <summary>Level-triggered, with a resample eventfd.</summary>
    Resample = 2,
}
