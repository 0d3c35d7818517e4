using System.Globalization;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Labels for the map: which pages hold virtqueues, as their drivers have said.</summary>
internal static class QueueLabels
{
    /// <summary>Makes the labels of all queues that are in use: sorted, whole pages, none over another.</summary>
    /// <param name="transports">The devices.</param>
    internal static IReadOnlyList<LabelledRange> Collect(IEnumerable<VirtioMmioTransport> transports)
    {
        List<(ulong First, ulong End, string Text)> pieces = [];
        foreach (VirtioMmioTransport transport in transports)
        {
            foreach ((int queue, VirtqueueLayout layout) in transport.GetReadyQueues())
            {
                string text = string.Create(
                    CultureInfo.InvariantCulture, $"{RegionNames.VirtqueuePrefix}{queue} of {transport.Device.Name}");
                Add(pieces, layout.Descriptors, layout.DescriptorsLength, text);
                Add(pieces, layout.Available, layout.AvailableLength, text);
                Add(pieces, layout.Used, layout.UsedLength, text);
            }
        }

        pieces.Sort(static (left, right) => left.First.CompareTo(right.First));
        List<LabelledRange> labels = [];
        ulong end = 0;
        foreach ((ulong first, ulong pieceEnd, string text) in pieces)
        {
            // Parts of queues can share a page; it is named after the first.
            ulong start = Math.Max(first, end);
            if (start < pieceEnd)
            {
                labels.Add(new LabelledRange(GpaRange.FromBounds(start, pieceEnd), new RangeLabel(text, LabelCertainty.Exact)));
                end = pieceEnd;
            }
        }

        return labels;
    }

    private static void Add(List<(ulong First, ulong End, string Text)> pieces, ulong address, ulong length, string text) =>
        pieces.Add((address & ~(GuestPage.Size - 1UL), GuestPage.RoundUp(address + length), text));
}
