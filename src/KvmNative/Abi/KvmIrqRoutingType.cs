namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Kind of an interrupt route.</summary>
[CConstants("KVM_IRQ_ROUTING_")]
public enum KvmIrqRoutingType : uint
{
    /// <summary>No route.</summary>
    None = 0,

    /// <summary>Pin of an interrupt controller.</summary>
    Irqchip = 1,

    /// <summary>Message-signalled interrupt.</summary>
    Msi = 2,

    /// <summary>s390 only.</summary>
    S390Adapter = 3,

    /// <summary>Hyper-V synthetic interrupt.</summary>
    HvSint = 4,

    /// <summary>Xen event channel.</summary>
    XenEvtchn = 5,
}
