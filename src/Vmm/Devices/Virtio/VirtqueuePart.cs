namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Which memory of a queue an access was for.</summary>
public enum VirtqueuePart
{
    /// <summary>The descriptor table.</summary>
    DescriptorTable = 0,

    /// <summary>The ring of what the driver offers.</summary>
    AvailableRing = 1,

    /// <summary>The ring of what the device gives back.</summary>
    UsedRing = 2,

    /// <summary>A table of indirect descriptors.</summary>
    IndirectTable = 3,

    /// <summary>A buffer.</summary>
    Buffer = 4,
}
