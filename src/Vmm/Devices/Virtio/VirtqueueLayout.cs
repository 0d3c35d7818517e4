using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Where a driver has put a split virtqueue.</summary>
/// <remarks>Source: virtio 1.2, 2.7.</remarks>
internal struct VirtqueueLayout
{
    /// <summary>Descriptors; 0 until the driver has chosen.</summary>
    public uint Size;

    /// <summary>The descriptor table: 16 bytes each.</summary>
    public ulong Descriptors;

    /// <summary>The available ring: flags, index, one 16-bit entry each, used_event.</summary>
    public ulong Available;

    /// <summary>The used ring: flags, index, one 8-byte entry each, avail_event.</summary>
    public ulong Used;

    public readonly ulong DescriptorsLength => 16UL * Size;

    public readonly ulong AvailableLength => 6 + (2UL * Size);

    public readonly ulong UsedLength => 6 + (8UL * Size);

    /// <summary>What is wrong with it apart from where it lies.</summary>
    /// <param name="maximumSize">Most descriptors.</param>
    public readonly VirtqueueFault FindFault(int maximumSize)
    {
        if (Size == 0 || Size > (uint)maximumSize || !uint.IsPow2(Size))
        {
            return Fault(VirtqueueError.BadSize, VirtqueuePart.DescriptorTable, Descriptors);
        }

        if (Descriptors % 16 != 0)
        {
            return Fault(VirtqueueError.Misaligned, VirtqueuePart.DescriptorTable, Descriptors);
        }

        if (Available % 2 != 0)
        {
            return Fault(VirtqueueError.Misaligned, VirtqueuePart.AvailableRing, Available);
        }

        if (Used % 4 != 0)
        {
            return Fault(VirtqueueError.Misaligned, VirtqueuePart.UsedRing, Used);
        }

        return Overlaps(Used, UsedLength, Descriptors, DescriptorsLength) || Overlaps(Used, UsedLength, Available, AvailableLength)
            ? Fault(VirtqueueError.Overlapping, VirtqueuePart.UsedRing, Used)
            : Overlaps(Available, AvailableLength, Descriptors, DescriptorsLength)
                ? Fault(VirtqueueError.Overlapping, VirtqueuePart.AvailableRing, Available)
                : default;
    }

    private static bool Overlaps(ulong first, ulong firstLength, ulong second, ulong secondLength) =>
        unchecked(second - first) < firstLength || unchecked(first - second) < secondLength;

    private static VirtqueueFault Fault(VirtqueueError error, VirtqueuePart part, ulong address) =>
        new(error, part, new Gpa(address), default);
}
