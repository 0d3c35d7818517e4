namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>The texts of labels: one spelling for each kind of region, so that maps of two boots can be compared kind by kind.</summary>
public static class RegionNames
{
    /// <summary>All of the guest's RAM, in event logs only.</summary>
    public const string Ram = "RAM";

    /// <summary>Pages of which the guest has said nothing since its kernel started.</summary>
    public const string KernelStart = "kernel start";

    /// <summary>Variables of the kernel that the host may read and write.</summary>
    public const string BssDecrypted = ".bss..decrypted";

    /// <summary>The part of it that the kernel did not need and made private again.</summary>
    public const string BssDecryptedFreed = "freed .bss..decrypted";

    /// <summary>Bounce buffers for device I/O.</summary>
    public const string Swiotlb = "swiotlb";

    /// <summary>Pools from which drivers take shared memory where they cannot wait.</summary>
    public const string AtomicPool = "DMA atomic pool";

    /// <summary>Pages of per-CPU variables.</summary>
    public const string PerCpu = "per-CPU";

    /// <summary>The kernel's code.</summary>
    public const string KernelText = "kernel text";

    /// <summary>Everything of the kernel's image behind its code.</summary>
    public const string KernelData = "kernel data";

    /// <summary>What the loader put there before the guest started; followed by a piece's name.</summary>
    public const string LoaderPrefix = "loader: ";

    /// <summary>Rings of a virtio device; followed by the queue's number and the device's name.</summary>
    public const string VirtqueuePrefix = "virtqueue ";

    /// <summary>What the driver of a virtio device has offered and not got back; followed by the queue's number and the device's
    /// name.</summary>
    public const string BufferPrefix = "buffer of virtqueue ";

    /// <summary>Clock data that KVM writes.</summary>
    public const string KvmClock = "kvm-clock";

    /// <summary>Where KVM writes the time of day.</summary>
    public const string WallClock = "wall clock";

    /// <summary>Where KVM tells a vCPU of stolen time.</summary>
    public const string StealTime = "steal time";

    /// <summary>Where KVM tells a vCPU of pages that are not there yet.</summary>
    public const string AsyncPageFault = "async PF";

    /// <summary>Where KVM and a vCPU agree on ends of interrupts.</summary>
    public const string PvEoi = "PV EOI";
}
