namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What a driver did wrong with a queue. Each makes the device ask for a reset.</summary>
public enum VirtqueueError
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>An address that is not RAM, or a piece that is not in one range of RAM.</summary>
    OutsideMemory = 1,

    /// <summary>A page that the guest has not shared.</summary>
    NotShared = 2,

    /// <summary>The queue's size is not a power of two up to the maximum.</summary>
    BadSize = 3,

    /// <summary>A ring is not aligned.</summary>
    Misaligned = 4,

    /// <summary>Two rings of one queue overlap.</summary>
    Overlapping = 5,

    /// <summary>More chains are said to be available than the queue has room for.</summary>
    AvailableIndex = 6,

    /// <summary>A chain begins or goes on beyond its table.</summary>
    DescriptorIndex = 7,

    /// <summary>A chain has more buffers than the queue has descriptors; so has a loop.</summary>
    ChainTooLong = 8,

    /// <summary>A buffer of no bytes.</summary>
    EmptyBuffer = 9,

    /// <summary>A chain of more than 4 GiB.</summary>
    TooManyBytes = 10,

    /// <summary>A buffer to be read after one to be written.</summary>
    BufferOrder = 11,

    /// <summary>An indirect table that was not agreed on, is nested, has a bad length or a successor.</summary>
    Indirect = 12,

    /// <summary>A chain that the device cannot answer, for it has no room for an answer.</summary>
    Request = 13,
}
