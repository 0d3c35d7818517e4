using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm;

/// <summary>What the ranges of a machine's RAM are used for: told to the event log, and put on its map.</summary>
/// <param name="parts">The machine.</param>
internal sealed class MachineRegions(MachineParts parts)
{
    private readonly ConversionWatch _conversions = new(parts.Tracker);

    /// <summary>Begins the event log with what the machine is: with it the log can be replayed without any other file.</summary>
    public void LogMachine()
    {
        if (parts.Events is not { } events)
        {
            return;
        }

        events.Machine(
            SevModeWords.WordFor(parts.Mode),
            parts.CBitPosition,
            parts.Memory.Layout.MemoryBytes,
            MapWords.Of(parts.HypercallAbi),
            DateTimeOffset.UtcNow);
        var ram = new RangeLabel(RegionNames.Ram, LabelCertainty.Exact);
        foreach (LabelledRange region in parts.Tracker.Ram.Select(range => new LabelledRange(range, ram)).Concat(parts.LoadedRegions))
        {
            events.Region(region);
        }
    }

    /// <summary>Tells the event log what registers and devices know at the end, when nothing runs any more.</summary>
    public void LogKnown()
    {
        if (parts.Events is { } events)
        {
            foreach (LabelledRange region in ReadKnown(isStill: true))
            {
                events.Region(region);
            }
        }
    }

    /// <summary>The map of this moment, with labels.</summary>
    /// <param name="isStill">Whether vCPUs and devices stand still or have ended: KVM lets nobody read a running vCPU's registers.</param>
    public SharedRegionMap Snapshot(bool isStill)
    {
        SharedRegionMap map = parts.Tracker.Snapshot();
        IReadOnlyList<LabelledRange> known = ReadKnown(isStill);
        return _conversions.Use(conversions => MapAttribution.Label(map, new AttributionEvidence
        {
            Loaded = parts.LoadedRegions,
            Known = known,
            Conversions = conversions,
            ConsoleSwiotlb = parts.ConsoleHints.Swiotlb ?? parts.VirtioConsole?.Hints.Swiotlb,
        }));
    }

    private IReadOnlyList<LabelledRange> ReadKnown(bool isStill) =>
    [
        .. isStill ? ParavirtualAreas.Read(parts.Vcpus) : [],
        .. parts.RegionSources.SelectMany(source => source(isStill)),
    ];
}
