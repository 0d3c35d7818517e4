using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm;

/// <summary>What the ranges of a machine's RAM are used for: told to the event log, and put on its map.</summary>
/// <param name="parts">The machine.</param>
internal sealed class MachineRegions(MachineParts parts)
{
    private IReadOnlyList<LabelledRange> _known = [];

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

    /// <summary>Asks registers, devices and firmware. The vCPUs stand still.</summary>
    public void ReadKnown()
    {
        _known = [.. ParavirtualAreas.Read(parts.Vcpus), .. parts.RegionSources.SelectMany(static source => source())];
        foreach (LabelledRange region in _known)
        {
            parts.Events?.Region(region);
        }
    }

    /// <summary>The map of this moment, with labels.</summary>
    public SharedRegionMap Snapshot() => MapAttribution.Label(parts.Tracker.Snapshot(), new AttributionEvidence
    {
        Loaded = parts.LoadedRegions,
        Known = _known,
        Conversions = ConversionAnalysis.OfJournal(parts.Tracker),
        ConsoleSwiotlb = parts.ConsoleHints.Swiotlb ?? parts.VirtioConsole?.Hints.Swiotlb,
    });
}
