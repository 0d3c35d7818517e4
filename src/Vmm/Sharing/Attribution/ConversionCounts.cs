using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>
/// What <see cref="MapCheck"/> needs of a log's calls: ranges that go back and forth, and those outside RAM. Of bounded size.
/// </summary>
public sealed class ConversionCounts
{
    private const int MostRanges = 65536;
    private const int MostOutside = 16;

    private readonly Dictionary<GpaRange, (PageState State, ulong Changes)> _changes = [];
    private readonly List<GpaRange> _outside = [];

    /// <summary>Whether more ranges came than it counts.</summary>
    public bool IsFull { get; private set; }

    /// <summary>Shared ranges outside RAM that the monitor refused: how many calls.</summary>
    public ulong OutsideCalls { get; private set; }

    /// <summary>The first of them.</summary>
    public IReadOnlyList<GpaRange> Outside => _outside;

    /// <summary>Ranges and how often they changed from one state to the other, without the first conversion of each.</summary>
    public IEnumerable<(GpaRange Range, ulong Changes)> Changes => _changes.Select(static entry => (entry.Key, entry.Value.Changes));

    /// <summary>Takes the next event.</summary>
    /// <param name="replay">The replay that has just applied it.</param>
    /// <param name="read">The event.</param>
    /// <param name="request">The conversion; null for an event that changed no page's state.</param>
    public void Observe(EventLogReplay replay, LoggedEvent read, MapGpaRangeRequest? request)
    {
        if (request is MapGpaRangeRequest accepted)
        {
            if (_changes.TryGetValue(accepted.Range, out (PageState State, ulong Changes) known))
            {
                _changes[accepted.Range] = (accepted.State, known.Changes + (known.State == accepted.State ? 0UL : 1));
            }
            else if (_changes.Count < MostRanges)
            {
                _changes.Add(accepted.Range, (accepted.State, 0));
            }
            else
            {
                IsFull = true;
            }
        }
        else if (read is LoggedEvent.MapGpaRange { Result: not 0 } call
            && MapGpaRangeRequest.TryParse(call.Gpa, call.Pages, call.Attributes, replay.Machine.Abi, out MapGpaRangeRequest refused, out _)
            && refused.State == PageState.Shared && !replay.IsRam(refused.Range))
        {
            OutsideCalls++;
            if (_outside.Count < MostOutside)
            {
                _outside.Add(refused.Range);
            }
        }
    }
}
