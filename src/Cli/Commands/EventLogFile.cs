using KvmSevVmm.Cli.Output;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Reads event logs.</summary>
internal static class EventLogFile
{
    /// <summary>Replays a log.</summary>
    /// <param name="option">What named it, for messages.</param>
    /// <param name="path">The file.</param>
    /// <param name="until">The moment to stop at, or null.</param>
    /// <param name="observe">Sees each event, or null.</param>
    internal static EventLogReplay Replay(
        string option, string path, TimeSpan? until = null, Action<EventLogReplay, LoggedEvent, MapGpaRangeRequest?>? observe = null)
    {
        using FileStream file = FileKind.OpenInput(option, path);
        return EventLogReplay.Run(file, path, until, observe);
    }
}
