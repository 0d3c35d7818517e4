using System.Globalization;
using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map at</c>: the state of single addresses.</summary>
internal static class MapAtCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapAtOptions>(
        "kvmsev map at {FILE|--socket PATH} GPA... [OPTIONS]",
        """
        One line an address: the address, its page's state ('-' outside RAM), the run it
        lies in and the run's label if it has one. Of a guest that runs (--socket) also
        the call since which the page has its state.

        Exit codes: 0 every address is RAM, 1 one is not, others as for every verb.
        """,
        [
            new VerbExample("Is the page of this virtqueue shared?", "map", "at", "map.json", "0x1f000"),
            new VerbExample("Since when, in a guest that runs?", "map", "at", "--socket", "guest.sock", "0x1f000"),
            new VerbExample("Several at once, for a script:", "map", "at", "map.json", "0x1000", "0x3600000", "--json"),
        ],
        Execute);

    private static int Execute(MapAtOptions options, CliContext context)
    {
        List<Gpa> addresses = [.. options.AllAddresses.Select(text => new Gpa(NumberValue.Parse("GPA", text)))];
        using LiveMap? live = options.Socket is string socket ? LiveMap.Connect(socket) : null;
        SharedRegionMap map = live?.Read() ?? MapFile.Read(options.File!);
        SharedRegionRun?[] runs = FindRuns(map, addresses);
        PageCall?[] calls = [.. addresses.Select((gpa, index) => runs[index] is null ? null : live?.FindCall(gpa, map))];
        context.Write(options.Json ? Json(map.Mode, addresses, runs, calls) : Lines(addresses, runs, calls));
        MapFile.WarnOfSimulation(options, context, map);
        return runs.Any(run => run is null) ? ExitCode.Failure : ExitCode.Success;
    }

    // One walk over the runs for all addresses; null for an address outside RAM.
    private static SharedRegionRun?[] FindRuns(SharedRegionMap map, List<Gpa> addresses)
    {
        SharedRegionRun?[] found = new SharedRegionRun?[addresses.Count];
        int[] order = [.. Enumerable.Range(0, addresses.Count).OrderBy(index => addresses[index])];
        int next = 0;
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            while (next < order.Length && addresses[order[next]] < run.Range.End)
            {
                if (run.Range.Contains(addresses[order[next]]))
                {
                    found[order[next]] = run;
                }

                next++;
            }

            if (next == order.Length)
            {
                break;
            }
        }

        return found;
    }

    private static string Lines(List<Gpa> addresses, SharedRegionRun?[] runs, PageCall?[] calls)
    {
        StringBuilder text = new();
        for (int i = 0; i < runs.Length; i++)
        {
            string range = runs[i]?.Range.ToString() ?? string.Empty;
            text.Append($"{addresses[i],-16} {MapStateWords.WordFor(runs[i]?.State),-10} {range}".TrimEnd());
            if (runs[i]?.Label is { } label)
            {
                text.Append(' ').Append(label.Text);
            }

            if (calls[i] is { } call)
            {
                text.Append(CultureInfo.InvariantCulture, $", since {call.Seconds:0.000000} s (call {call.Generation}, {call.Caller})");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private static string Json(
        string mode, List<Gpa> addresses, SharedRegionRun?[] runs, PageCall?[] calls) => JsonAnswer.Make("kvmsev.map-at/1", json =>
    {
        json.WriteString("mode"u8, mode);
        json.WriteStartArray("addresses"u8);
        for (int i = 0; i < runs.Length; i++)
        {
            json.WriteStartObject();
            json.WriteString("gpa"u8, addresses[i].ToString());
            json.WriteBoolean("isRam"u8, runs[i] is not null);
            if (runs[i] is { } run)
            {
                json.WriteString("state"u8, MapStateWords.WordFor(run.State));
                json.WriteString("start"u8, run.Range.Start.ToString());
                json.WriteString("end"u8, run.Range.End.ToString());
                if (run.Label is { } label)
                {
                    json.WriteString("label"u8, label.Text);
                }

                if (calls[i] is { } call)
                {
                    json.WriteStartObject("since"u8);
                    json.WriteNumber("generation"u8, call.Generation);
                    json.WriteNumber("t"u8, call.Seconds);
                    json.WriteNumber("vcpu"u8, call.Vcpu);
                    json.WriteEndObject();
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
