namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Words for a driver's mistakes and where they were made.</summary>
internal static class VirtqueueErrorWords
{
    /// <summary>What is wrong with an address, as the end of a sentence that begins with it.</summary>
    /// <param name="error">The mistake.</param>
    internal static string PhraseFor(VirtqueueError error) => error switch
    {
        VirtqueueError.OutsideMemory => "is not in one range of RAM",
        VirtqueueError.NotShared => "is not shared",
        VirtqueueError.BadSize => "is of a queue whose size is no power of two, or too large",
        VirtqueueError.Misaligned => "is not aligned",
        VirtqueueError.Overlapping => "overlaps another ring of the queue",
        VirtqueueError.AvailableIndex => "offers more chains than the queue has descriptors",
        VirtqueueError.DescriptorIndex => "names a descriptor beyond its table",
        VirtqueueError.ChainTooLong => "has more buffers than the queue has descriptors, or a loop",
        VirtqueueError.EmptyBuffer => "is a buffer of no bytes",
        VirtqueueError.TooManyBytes => "makes the chain longer than 4 GiB",
        VirtqueueError.BufferOrder => "is to be read, but comes after a buffer to be written",
        VirtqueueError.Indirect => "is an indirect table that was not agreed on, is nested, has a bad length or a successor",
        VirtqueueError.Request => "is of a request that has no room for its header or its answer",
        _ => "is at fault",
    };

    /// <summary>The name of a part of a queue.</summary>
    /// <param name="part">The part.</param>
    internal static string NameOf(VirtqueuePart part) => part switch
    {
        VirtqueuePart.DescriptorTable => "descriptor table",
        VirtqueuePart.AvailableRing => "available ring",
        VirtqueuePart.UsedRing => "used ring",
        VirtqueuePart.IndirectTable => "indirect table",
        _ => "buffer",
    };
}
