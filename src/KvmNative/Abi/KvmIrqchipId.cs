namespace KvmSevVmm.KvmNative.Abi;

/// <summary>In-kernel interrupt controller.</summary>
[CConstants("KVM_IRQCHIP_")]
public enum KvmIrqchipId : uint
{
    /// <summary>First 8259A.</summary>
    PicMaster = 0,

    /// <summary>Second 8259A.</summary>
    PicSlave = 1,

    /// <summary>I/O APIC.</summary>
    Ioapic = 2,
}
