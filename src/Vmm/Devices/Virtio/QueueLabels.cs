using System.Globalization;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Labels for the map: which pages hold virtqueues and the buffers that are in them, as their drivers have said.</summary>
internal static class QueueLabels
{
    /// <summary>Most buffers of one queue that are looked at; a driver that offers more has the rest unnamed.</summary>
    internal const int MostBuffersOfAQueue = 1024;

    /// <summary>Most labels of buffers; neighbours that belong to one queue share one.</summary>
    internal const int MostBufferLabels = 2048;

    private static readonly GpaRange[] Everywhere = [new(default, 1UL << RamRanges.AddressBits)];

    /// <summary>Makes the labels of all queues in use: sorted, whole pages, none over another; a ring goes before a buffer.</summary>
    /// <param name="transports">The devices.</param>
    /// <param name="mostBuffers">Buffers of each queue that are looked for, at most.</param>
    internal static IReadOnlyList<LabelledRange> Collect(
        IEnumerable<VirtioMmioTransport> transports, int mostBuffers = MostBuffersOfAQueue)
    {
        List<(ulong First, ulong End, string Text)> rings = [];
        List<(ulong First, ulong End, string Text)> buffers = [];
        foreach (VirtioMmioTransport transport in transports)
        {
            foreach ((int queue, VirtqueueLayout layout, IReadOnlyList<GpaRange> offered) in transport.GetReadyQueues(mostBuffers))
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{queue} of {transport.Device.Name}");
                Add(rings, layout.Descriptors, layout.DescriptorsLength, RegionNames.VirtqueuePrefix + name);
                Add(rings, layout.Available, layout.AvailableLength, RegionNames.VirtqueuePrefix + name);
                Add(rings, layout.Used, layout.UsedLength, RegionNames.VirtqueuePrefix + name);
                foreach (GpaRange buffer in offered)
                {
                    Add(buffers, buffer.Start.Value, buffer.Length, RegionNames.BufferPrefix + name);
                }
            }
        }

        LabelLayers layers = new(Everywhere);
        layers.Add(Flatten(buffers).Take(MostBufferLabels));
        layers.Add(Flatten(rings));
        return layers.Labels;
    }

    /// <summary>Pieces can share a page; it is named after the first. Pieces of one queue that touch become one.</summary>
    private static List<LabelledRange> Flatten(List<(ulong First, ulong End, string Text)> pieces)
    {
        pieces.Sort(static (left, right) => left.First.CompareTo(right.First));
        List<LabelledRange> labels = [];
        ulong end = 0;
        foreach ((ulong first, ulong pieceEnd, string text) in pieces)
        {
            ulong start = Math.Max(first, end);
            if (start >= pieceEnd)
            {
                continue;
            }

            if (labels.Count > 0 && start == end && labels[^1].Label.Text == text)
            {
                labels[^1] = labels[^1] with { Range = GpaRange.FromBounds(labels[^1].Range.Start.Value, pieceEnd) };
            }
            else
            {
                labels.Add(new LabelledRange(GpaRange.FromBounds(start, pieceEnd), new RangeLabel(text, LabelCertainty.Exact)));
            }

            end = pieceEnd;
        }

        return labels;
    }

    private static void Add(List<(ulong First, ulong End, string Text)> pieces, ulong address, ulong length, string text) =>
        pieces.Add((address & ~(GuestPage.Size - 1UL), GuestPage.RoundUp(address + length), text));
}
