using System.Globalization;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>Puts the events of a log together to steps, as they come. Holds one step.</summary>
public sealed class Timeline
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<LabelledRange> _labels;
    private readonly Action<TimelineStep> _emit;
    private TimelineStep? _open;

    /// <summary>Makes an empty timeline.</summary>
    /// <param name="labels">What ranges are used for in the end: sorted, without overlap.</param>
    /// <param name="emit">Takes each step when it is complete.</param>
    public Timeline(IReadOnlyList<LabelledRange> labels, Action<TimelineStep> emit)
    {
        // What the loader put somewhere, and what a device had in hand at the end, is not what a conversion is for.
        _labels =
        [
            .. labels.Where(static label => !label.Label.Text.StartsWith(RegionNames.LoaderPrefix, StringComparison.Ordinal)
                && !label.Label.Text.StartsWith(RegionNames.BufferPrefix, StringComparison.Ordinal)),
        ];
        _emit = emit;
    }

    /// <summary>Takes the next event.</summary>
    /// <param name="replay">The replay that has just applied it.</param>
    /// <param name="read">The event.</param>
    /// <param name="request">The conversion; null for an event that changed no page's state.</param>
    public void Observe(EventLogReplay replay, LoggedEvent read, MapGpaRangeRequest? request)
    {
        switch (read)
        {
            case LoggedEvent.MapGpaRange or LoggedEvent.Conversion when request is MapGpaRangeRequest accepted:
                Convert(replay, read.Elapsed, accepted);
                break;
            case LoggedEvent.MapGpaRange { Result: not 0 }:
                if (_open is TimelineStep.Refusals refusals)
                {
                    _open = refusals with { Last = read.Elapsed, Calls = refusals.Calls + 1 };
                }
                else
                {
                    Open(new TimelineStep.Refusals(read.Elapsed, read.Elapsed, 1));
                }

                break;
            case LoggedEvent.Lifecycle step:
                Open(new TimelineStep.Words(read.Elapsed, step.Detail is null ? step.Name : $"{step.Name}: {step.Detail}"));
                break;
            case LoggedEvent.MsrWrite { Index: KvmParavirtMsr.MigrationControl } write:
                Open(new TimelineStep.Words(read.Elapsed, (write.Value & 1) != 0 ? "ready to migrate" : "not ready to migrate any more"));
                break;
            case LoggedEvent.MsrWrite write:
                Open(new TimelineStep.Words(
                    read.Elapsed, string.Create(CultureInfo.InvariantCulture, $"writes 0x{write.Value:x} to MSR 0x{write.Index:x}")));
                break;
            default:
                break;
        }
    }

    /// <summary>Emits the last step.</summary>
    public void Complete()
    {
        if (_open is not null)
        {
            _emit(_open);
            _open = null;
        }
    }

    private void Convert(EventLogReplay replay, TimeSpan at, MapGpaRangeRequest request)
    {
        RangeLabel? label = LabelOf(replay, request);
        if (_open is TimelineStep.Conversions open && open.State == request.State && open.Label == label && at - open.Last <= LongestPause)
        {
            ulong start = Math.Min(open.Range.Start.Value, request.Range.Start.Value);
            ulong end = Math.Max(open.Range.End.Value, request.Range.End.Value);
            _open = open with
            {
                Last = at,
                Calls = open.Calls + 1,
                Pages = open.Pages + request.Range.PageCount,
                Range = GpaRange.FromBounds(start, end),
            };
        }
        else
        {
            Open(new TimelineStep.Conversions(at, at, 1, request.Range.PageCount, request.State, request.Range, label));
        }
    }

    // The label that most of the pages carry in the end.
    private RangeLabel? LabelOf(EventLogReplay replay, MapGpaRangeRequest request)
    {
        if (replay.Conversions.FirstShared.IsEmpty)
        {
            return new RangeLabel(RegionNames.KernelStart, LabelCertainty.Likely);
        }

        if (replay.Conversions.FirstShared == request.Range && request.State == PageState.Shared)
        {
            LabelledRange section = _labels.FirstOrDefault(label => request.Range.Overlaps(label.Range)
                && label.Label.Text is RegionNames.BssDecrypted or RegionNames.BssDecryptedFreed);
            return section.Label is null ? null : new RangeLabel(RegionNames.BssDecrypted, section.Label.Certainty);
        }

        RangeLabel? best = null;
        ulong most = 0;
        for (int i = FirstEndingBehind(request.Range.Start.Value); i < _labels.Count && _labels[i].Range.Start < request.Range.End; i++)
        {
            ulong common = Math.Min(_labels[i].Range.End.Value, request.Range.End.Value)
                - Math.Max(_labels[i].Range.Start.Value, request.Range.Start.Value);
            if (common > most)
            {
                (best, most) = (_labels[i].Label, common);
            }
        }

        return best;
    }

    private int FirstEndingBehind(ulong address)
    {
        int low = 0;
        int high = _labels.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_labels[middle].Range.End.Value <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private void Open(TimelineStep step)
    {
        Complete();
        _open = step;
    }
}
