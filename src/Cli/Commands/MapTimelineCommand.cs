using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map timeline</c>: when each conversion happened, and what for.</summary>
internal static class MapTimelineCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapTimelineOptions>(
        "kvmsev map timeline EVENTS [OPTIONS]",
        """
        Calls that follow each other, lead to the same state and have the same purpose
        are one step. Times count from the monitor's start. The HTML page shows the map
        at each call; its slider moves through them.
        """,
        [
            new VerbExample("What did the guest convert, and when?", "map", "timeline", "events.jsonl"),
            new VerbExample(
                "With all that can be known of the ranges:",
                "map", "timeline", "events.jsonl", "--console", "console.log", "--system-map", "System.map"),
            new VerbExample("As a page for the browser:", "map", "timeline", "events.jsonl", "--format", "html", "--output", "boot.html"),
        ],
        Execute);

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    private static int Execute(MapTimelineOptions options, CliContext context)
    {
        MapFormat format = options.ParseFormat();
        string path = options.File!;
        EventLogReplay replay = EventLogFile.Replay("event log", path);
        SharedRegionMap map = options.Label(replay.Snapshot(), replay);
        using OutputFile output = OutputFile.Open("--output", options.Output ?? "-", context.Output);
        output.WriteAll(stream =>
        {
            switch (format)
            {
                case MapFormat.Html:
                    MapHistoryPage.Write(path, map, stream);
                    break;
                case MapFormat.Json:
                    WriteJson(path, map, stream);
                    break;
                default:
                    WriteTable(path, map, stream);
                    break;
            }
        });
        if (format == MapFormat.Table)
        {
            MapFile.WarnOfSimulation(options, context, map);
        }

        return ExitCode.Success;
    }

    private static void Steps(string path, SharedRegionMap map, Action<TimelineStep> take)
    {
        Timeline timeline = new(map.Labels, take);
        _ = EventLogFile.Replay("event log", path, null, timeline.Observe);
        timeline.Complete();
    }

    private static void WriteTable(string path, SharedRegionMap map, Stream output)
    {
        using StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        int width = Math.Max(10, map.Ram[^1].End.ToString().Length);
        int labelWidth = 80 - 34 - (2 * (width + 1));
        Line("time s", "calls", "pages", "state", "from", "to", "label");
        Steps(path, map, step =>
        {
            string time = step.First.TotalSeconds.ToString("0.000000", Invariant);
            switch (step)
            {
                case TimelineStep.Conversions calls:
                    Line(
                        time,
                        calls.Calls.ToString(Invariant),
                        calls.Pages.ToString(Invariant),
                        MapStateWords.WordFor(calls.State),
                        calls.Range.Start.ToString(),
                        calls.Range.End.ToString(),
                        LabelWords(calls.Label, labelWidth));
                    break;
                case TimelineStep.Refusals refusals:
                    writer.WriteLine(string.Create(Invariant, $"{time,9} {refusals.Calls,5} refused"));
                    break;
                case TimelineStep.Words words:
                    string text = OneLine.Clean(words.Text);
                    writer.WriteLine($"{time,9}       {(text.Length > 64 ? text[..63] + '~' : text)}");
                    break;
                default:
                    break;
            }
        });

        void Line(string time, string calls, string pages, string state, string from, string to, string label) => writer.WriteLine(
            $"{time,9} {calls,5} {pages,8} {state,-8} {from.PadRight(width)} {to.PadRight(width)} {label}".TrimEnd());
    }

    private static string LabelWords(RangeLabel? label, int width)
    {
        string certainty = label is null or { Certainty: LabelCertainty.Exact } ? "" : $" ({MapStateWords.WordFor(label.Certainty)})";
        string text = OneLine.Clean(label?.Text ?? "");
        int room = Math.Max(4, width - certainty.Length);
        return (text.Length > room ? text[..(room - 1)] + '~' : text) + certainty;
    }

    private static void WriteJson(string path, SharedRegionMap map, Stream output)
    {
        using Utf8JsonWriter json = new(output, CliJsonContext.ReadableWriter);
        json.WriteStartObject();
        json.WriteString("schema"u8, "kvmsev.map-timeline/1"u8);
        json.WriteString("mode"u8, map.Mode);
        json.WriteNumber("memoryBytes"u8, map.MemoryBytes);
        json.WriteNumber("generation"u8, map.Generation);
        json.WriteStartArray("steps"u8);
        Steps(path, map, step =>
        {
            json.WriteStartObject();
            json.WriteNumber("start"u8, Seconds(step.First));
            json.WriteNumber("end"u8, Seconds(step.Last));
            switch (step)
            {
                case TimelineStep.Conversions calls:
                    json.WriteNumber("calls"u8, calls.Calls);
                    json.WriteNumber("pages"u8, calls.Pages);
                    json.WriteString("state"u8, MapStateWords.WordFor(calls.State));
                    json.WriteString("from"u8, calls.Range.Start.ToString());
                    json.WriteString("to"u8, calls.Range.End.ToString());
                    if (calls.Label is RangeLabel label)
                    {
                        json.WriteString("label"u8, label.Text);
                        json.WriteString("certainty"u8, MapStateWords.WordFor(label.Certainty));
                    }

                    break;
                case TimelineStep.Refusals refusals:
                    json.WriteNumber("refusedCalls"u8, refusals.Calls);
                    break;
                case TimelineStep.Words words:
                    json.WriteString("text"u8, words.Text);
                    break;
                default:
                    break;
            }

            json.WriteEndObject();
            if (json.BytesPending > 1 << 15)
            {
                json.Flush();
            }
        });
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.Write("\n"u8);

        static decimal Seconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond / 1_000_000m;
    }
}
