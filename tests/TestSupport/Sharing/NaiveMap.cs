using System.Text.Json;

namespace KvmSevVmm.TestSupport.Sharing;

/// <summary>
/// The shared-page map as nobody would build it: one byte for each page, changed page by page. The judge of the real one.
/// </summary>
/// <remarks>It shares no code with the monitor: rules, names of states and formats are written down here a second time.</remarks>
public sealed class NaiveMap
{
    private const ulong PageBytes = 4096;

    private static readonly string[] Words = ["unreported", "private", "shared"];

    private readonly (ulong Start, ulong End)[] _ram;
    private readonly byte[][] _pages;
    private readonly bool _isPageEncStatus;

    /// <summary>Makes a map in which nothing was reported.</summary>
    /// <param name="ram">The guest's RAM: page-aligned, sorted, not touching each other.</param>
    /// <param name="isPageEncStatus">Whether the third argument is a status (0 or 1) instead of attributes.</param>
    public NaiveMap(IEnumerable<(ulong Start, ulong End)> ram, bool isPageEncStatus = false)
    {
        _ram = [.. ram];
        _pages = [.. _ram.Select(static range => new byte[(range.End - range.Start) / PageBytes])];
        _isPageEncStatus = isPageEncStatus;
    }

    /// <summary>Calls that were applied.</summary>
    public long Accepted { get; private set; }

    /// <summary>Makes one call, if it keeps every rule.</summary>
    /// <returns>Whether it does.</returns>
    public bool TryApply(ulong gpa, ulong pages, ulong attributes)
    {
        bool isKnown = _isPageEncStatus ? attributes is 0 or 1 : attributes is 0 or 1 or 2 or 0x10 or 0x11 or 0x12;
        if (gpa % PageBytes != 0 || pages == 0 || !isKnown)
        {
            return false;
        }

        UInt128 end = gpa + ((UInt128)pages * PageBytes);
        int index = Array.FindIndex(_ram, range => range.Start <= gpa && end <= range.End);
        if (index < 0)
        {
            return false;
        }

        bool isPrivate = _isPageEncStatus ? attributes == 1 : attributes >= 0x10;
        for (ulong i = 0; i < pages; i++)
        {
            _pages[index][((gpa - _ram[index].Start) / PageBytes) + i] = isPrivate ? (byte)1 : (byte)2;
        }

        Accepted++;
        return true;
    }

    /// <summary>Replays the calls of an event log.</summary>
    /// <param name="calls">The calls.</param>
    /// <exception cref="InvalidDataException">The log says that a call was accepted which breaks a rule, or the other way
    /// round.</exception>
    public void Replay(IEnumerable<MapGpaRangeEvent> calls)
    {
        foreach (MapGpaRangeEvent call in calls)
        {
            bool accepted = TryApply(call.Gpa, call.Pages, call.Attributes);
            if (accepted != (call.Result == 0))
            {
                throw new InvalidDataException($"the rules say {(accepted ? "accepted" : "refused")}, the log says otherwise: {call}");
            }
        }
    }

    /// <summary>The word for the state of a page of RAM.</summary>
    public string StateAt(ulong gpa)
    {
        int index = Array.FindIndex(_ram, range => range.Start <= gpa && gpa < range.End);
        return Words[_pages[index][(gpa - _ram[index].Start) / PageBytes]];
    }

    /// <summary>Pages in a state.</summary>
    /// <param name="word">The word for the state.</param>
    public ulong Count(string word) => (ulong)_pages.Sum(pages => (long)pages.Count(page => Words[page] == word));

    /// <summary>The maximal runs, in order; a run ends with its range of RAM.</summary>
    public IEnumerable<NaiveRun> Runs()
    {
        for (int r = 0; r < _ram.Length; r++)
        {
            int first = 0;
            for (int i = 1; i <= _pages[r].Length; i++)
            {
                if (i == _pages[r].Length || _pages[r][i] != _pages[r][first])
                {
                    yield return new NaiveRun(
                        _ram[r].Start + ((ulong)first * PageBytes), _ram[r].Start + ((ulong)i * PageBytes), Words[_pages[r][first]]);
                    first = i;
                }
            }
        }
    }

    /// <summary>Compares with the runs of another map, neighbours that differ in nothing but their label taken together.</summary>
    /// <param name="runs">The other map's runs.</param>
    /// <returns>The first difference, or null when there is none.</returns>
    public string? FindDifference(IEnumerable<NaiveRun> runs)
    {
        using IEnumerator<NaiveRun> mine = Runs().GetEnumerator();
        foreach (NaiveRun run in runs)
        {
            if (!mine.MoveNext())
            {
                return $"{Describe(run)} is too much";
            }

            if (mine.Current != run)
            {
                return $"expected {Describe(mine.Current)}, found {Describe(run)}";
            }
        }

        return mine.MoveNext() ? $"{Describe(mine.Current)} is missing" : null;
    }

    /// <summary>Compares with a map file in the canonical JSON form, read without the monitor's reader.</summary>
    /// <param name="json">The file's content.</param>
    /// <returns>The first difference, or null when there is none.</returns>
    public string? FindDifferenceInJson(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        List<(ulong Start, ulong End)> ram = [.. root.GetProperty("ram").EnumerateArray().Select(Bounds)];
        if (!ram.SequenceEqual(_ram))
        {
            return $"the file's RAM is {string.Join(", ", ram.Select(static range => $"0x{range.Start:x}-0x{range.End:x}"))}";
        }

        foreach (string word in Words)
        {
            ulong stated = root.GetProperty("totals").GetProperty(word + "Pages").GetUInt64();
            if (stated != Count(word))
            {
                return $"totals.{word}Pages is {stated}, not {Count(word)}";
            }
        }

        List<NaiveRun> runs = [];
        foreach (JsonElement range in root.GetProperty("ranges").EnumerateArray())
        {
            (ulong start, ulong end) = Bounds(range);
            string state = range.GetProperty("state").GetString() ?? "";
            bool goesOn = runs.Count > 0 && runs[^1].End == start && runs[^1].State == state && !ram.Exists(r => r.Start == start);
            if (goesOn)
            {
                runs[^1] = runs[^1] with { End = end };
            }
            else
            {
                runs.Add(new NaiveRun(start, end, state));
            }
        }

        return FindDifference(runs);
    }

    private static (ulong Start, ulong End) Bounds(JsonElement range) =>
        (EventLogReader.Hex(range.GetProperty("start")), EventLogReader.Hex(range.GetProperty("end")));

    private static string Describe(NaiveRun run) => $"[0x{run.Start:x}, 0x{run.End:x}) {run.State}";
}
