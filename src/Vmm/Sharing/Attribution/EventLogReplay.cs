using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>An event log, replayed: the map at any moment, and what is known of its ranges.</summary>
public sealed class EventLogReplay
{
    private const string SnpMode = "sev-snp";

    private readonly string _source;
    private readonly List<GpaRange> _ram = [];
    private readonly List<LabelledRange> _loaded = [];
    private readonly List<LabelledRange> _known = [];
    private readonly ReplayClock _clock = new();
    private LoggedEvent.Machine? _machine;
    private SharedRegionTracker? _tracker;

    private EventLogReplay(string source)
    {
        _source = source;
    }

    /// <summary>What the machine was.</summary>
    public LoggedEvent.Machine Machine => _machine ?? throw Missing();

    /// <summary>The guest's conversions.</summary>
    public ConversionAnalysis Conversions { get; } = new();

    /// <summary>Time of the last event that was replayed.</summary>
    public TimeSpan End { get; private set; }

    /// <summary>The guest's RAM.</summary>
    public IReadOnlyList<GpaRange> Ram => Tracker.Ram;

    /// <summary>Pages by state at this point of the replay.</summary>
    public PageTotals Totals => Tracker.Totals;

    private SharedRegionTracker Tracker => _tracker ??= CreateTracker();

    /// <summary>Replays a log.</summary>
    /// <param name="input">The log; stays open.</param>
    /// <param name="source">What to call it in an error.</param>
    /// <param name="until">Replays nothing that came later; null for all.</param>
    /// <param name="observe">Sees each event after it was replayed; one that changed no page's state has a null request.</param>
    /// <exception cref="InvalidInputException">It is no log, or one that does not say what the machine was.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static EventLogReplay Run(
        Stream input, string source, TimeSpan? until = null, Action<EventLogReplay, LoggedEvent, MapGpaRangeRequest?>? observe = null)
    {
        EventLogReplay replay = new(source);
        foreach (LoggedEvent read in EventLogParser.Read(input, source))
        {
            // What the machine is and what a region is used for hold for the whole log: the registers are read at its end.
            bool isLate = until is TimeSpan limit && read.Elapsed > limit;
            if (!isLate || read is LoggedEvent.Region or LoggedEvent.Machine)
            {
                MapGpaRangeRequest? request = replay.Apply(read);
                replay.End = isLate ? replay.End : read.Elapsed;
                observe?.Invoke(replay, read, request);
            }
        }

        _ = replay.Tracker;
        return replay;
    }

    /// <summary>What the log says of the ranges' uses.</summary>
    /// <param name="console">The console's words, or null.</param>
    /// <param name="symbols">The kernel's symbols, or null.</param>
    public AttributionEvidence Evidence(ConsoleHints? console = null, KernelSymbols? symbols = null) => new()
    {
        Loaded = _loaded,
        Known = _known,
        Conversions = Conversions,
        ConsoleSwiotlb = console?.Swiotlb,
        Symbols = symbols,
    };

    /// <summary>Whether all of a range is RAM.</summary>
    public bool IsRam(GpaRange range) => Tracker.IsRam(range);

    /// <summary>The map at this point of the replay, without labels.</summary>
    public SharedRegionMap Snapshot()
    {
        _clock.Now = Machine.Time + (End - Machine.Elapsed);
        return Tracker.Snapshot();
    }

    private MapGpaRangeRequest? Apply(LoggedEvent read)
    {
        switch (read)
        {
            case LoggedEvent.Machine machine:
                _machine = machine;
                break;
            case LoggedEvent.Region { Labelled: var region }:
                AddRegion(region);
                break;
            case LoggedEvent.MsrWrite { Index: KvmParavirtMsr.MigrationControl, Value: var value }:
                Tracker.MigrationReady = (value & 1) != 0;
                break;
            case LoggedEvent.MapGpaRange { Result: 0 } call:
                if (!MapGpaRangeRequest.TryParse(call.Gpa, call.Pages, call.Attributes, Machine.Abi, out MapGpaRangeRequest request, out _)
                    || call.Vcpu is < 0 or > short.MaxValue)
                {
                    throw new InvalidInputException(_source, "map-gpa-range", "has a call that was accepted and could not have been");
                }

                // Accepted and not recorded: a SEV-SNP guest may share what is not RAM (MapGpaRangeHandler).
                bool isElsewhere = Machine.Mode == SnpMode
                    && request.State == PageState.Shared
                    && !Ram.Any(ram => ram.Overlaps(request.Range));
                return isElsewhere ? null : Set("map-gpa-range", request, call.Vcpu);
            case LoggedEvent.Conversion { Vcpu: >= -1 and <= short.MaxValue } converted:
                return Set("conversion", new MapGpaRangeRequest(converted.Range, converted.State, default), converted.Vcpu);
            default:
                break;
        }

        return null;
    }

    private MapGpaRangeRequest Set(string field, MapGpaRangeRequest request, int vcpu)
    {
        if (!Tracker.IsRam(request.Range))
        {
            throw new InvalidInputException(_source, field, "has a call that was accepted and could not have been");
        }

        _ = Tracker.Set(request.Range, request.State, vcpu, 0);
        Conversions.Observe(request.Range, request.State);
        return request;
    }

    private void AddRegion(LabelledRange region)
    {
        if (region.Label.Text == RegionNames.Ram)
        {
            if (_tracker is not null || _ram.Count >= MapWords.MaximumRamRanges)
            {
                throw new InvalidInputException(_source, "region", "tells of RAM after the guest had started, or too often");
            }

            _ram.Add(region.Range);
        }
        else if (_loaded.Count + _known.Count < MapWords.MaximumRamRanges * 16)
        {
            (region.Label.Text.StartsWith(RegionNames.LoaderPrefix, StringComparison.Ordinal) ? _loaded : _known).Add(region);
        }
    }

    private SharedRegionTracker CreateTracker()
    {
        if (_ram.Count == 0)
        {
            throw Missing();
        }

        try
        {
            return new SharedRegionTracker(_ram, new SharedRegionTrackerOptions
            {
                Mode = Machine.Mode,
                CBit = Machine.CBit,
                MemoryBytes = Machine.MemoryBytes,
                JournalCapacity = 1,
                Clock = _clock,
            });
        }
        catch (ArgumentException exception)
        {
            throw new InvalidInputException(_source, "region", "RAM overlaps or is more than can be mapped", exception);
        }
    }

    private InvalidInputException Missing() =>
        new(_source, "machine", "is missing: the log does not say what the machine was and where its RAM is");

    private sealed class ReplayClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
