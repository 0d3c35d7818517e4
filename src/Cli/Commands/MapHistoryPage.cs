using KvmSevVmm.Cli.Output;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Sharing.Pictures;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The HTML page of a guest's history.</summary>
internal static class MapHistoryPage
{
    /// <summary>Writes it. The log is read three times, so that no event needs to be held.</summary>
    /// <param name="log">The event log.</param>
    /// <param name="map">The map at its end, with labels.</param>
    /// <param name="output">Where to.</param>
    internal static void Write(string log, SharedRegionMap map, Stream output)
    {
        ulong calls = 0;
        EventLogReplay replay = EventLogFile.Replay("--event-log", log, null, (_, _, request) => calls += request is null ? 0UL : 1);
        ulong skipped = calls > HtmlMapPage.MostEvents ? calls - HtmlMapPage.MostEvents : 0;
        SharedRegionTracker before = new(
            replay.Ram, new SharedRegionTrackerOptions { Mode = map.Mode, CBit = map.CBit, MemoryBytes = map.MemoryBytes });
        foreach (PageEvent call in Calls(log, replay).Take((int)Math.Min(skipped, int.MaxValue)))
        {
            _ = before.Set(call.Range, call.State, call.Vcpu, 0);
        }

        HtmlMapPage.Write(map, before.Snapshot(), Calls(log, replay).Skip((int)Math.Min(skipped, int.MaxValue)), skipped, output);
    }

    // What the replay has accepted, it has checked.
    private static IEnumerable<PageEvent> Calls(string log, EventLogReplay replay)
    {
        using FileStream file = FileKind.OpenInput("--event-log", log);
        HypercallAbi abi = replay.Machine.Abi;
        foreach (LoggedEvent read in EventLogParser.Read(file, log))
        {
            if (read is LoggedEvent.MapGpaRange { Result: 0 } call
                && MapGpaRangeRequest.TryParse(call.Gpa, call.Pages, call.Attributes, abi, out MapGpaRangeRequest request, out _)
                && replay.IsRam(request.Range))
            {
                yield return new PageEvent(call.Elapsed, call.Vcpu, request.Range, request.State);
            }
            else if (read is LoggedEvent.Conversion converted)
            {
                yield return new PageEvent(converted.Elapsed, converted.Vcpu, converted.Range, converted.State);
            }
        }
    }
}
