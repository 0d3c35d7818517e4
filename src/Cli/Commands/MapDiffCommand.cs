using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map diff</c>: where two maps differ.</summary>
internal static class MapDiffCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapDiffOptions>(
        "kvmsev map diff A B [OPTIONS]",
        """
        Compares the states of pages; labels, times and counters may differ. '-' stands
        for a page that one of the guests does not have. A and B may be event logs, with
        FILE@SECONDS for a moment of one, and control sockets of guests that run.

        --by-kind compares what carries the same label, wherever it lies: a kind that
        only one map has, or that shares another number of pages, is a difference. How
        much private memory the guests have is not.

        Exit codes: 0 no difference, 1 differences, others as for every verb.
        """,
        [
            new VerbExample("What changed between two boots?", "map", "diff", "before.json", "after.json"),
            new VerbExample(
                "What changed between two boots, wherever KASLR put it?",
                "map", "diff", "before.json", "after.json", "--by-kind"),
            new VerbExample("What changed between two moments of one boot?", "map", "diff", "events.jsonl@1.5", "events.jsonl@9"),
            new VerbExample("What has changed since in a guest that runs?", "map", "diff", "before.json", "guest.sock"),
            new VerbExample("In a script:", "map", "diff", "before.json", "after.json", "--json"),
        ],
        Execute);

    private static int Execute(MapDiffOptions options, CliContext context)
    {
        SharedRegionMap before = MapFile.Read(options.Before!);
        SharedRegionMap after = MapFile.Read(options.After!);
        if (options.ByKind)
        {
            bool areDifferent = MapKindDiff.Write(options, before, after, context);
            MapFile.WarnOfSimulation(options, context, before, after);
            return areDifferent ? ExitCode.Failure : ExitCode.Success;
        }

        IEnumerable<SharedRegionChange> changes = SharedRegionMap.Diff(before, after);
        bool isDifferent = options.Json
            ? WriteJson(options, before.Mode, after.Mode, changes, context.Output)
            : WriteTable(changes, context.Output);
        MapFile.WarnOfSimulation(options, context, before, after);
        return isDifferent ? ExitCode.Failure : ExitCode.Success;
    }

    private static bool WriteTable(IEnumerable<SharedRegionChange> changes, Stream output)
    {
        using StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        ulong pages = 0;
        ulong ranges = 0;
        foreach (SharedRegionChange change in changes)
        {
            if (ranges++ == 0)
            {
                writer.WriteLine(Line("start", "end", "pages", "A", "B"));
            }

            pages += change.Range.PageCount;
            writer.WriteLine(Line(
                change.Range.Start.ToString(),
                change.Range.End.ToString(),
                change.Range.PageCount.ToString(CultureInfo.InvariantCulture),
                MapStateWords.WordFor(change.Before),
                MapStateWords.WordFor(change.After)));
        }

        writer.WriteLine(ranges == 0 ? "no difference" : FormattableString.Invariant($"{pages} pages in {ranges} ranges differ"));
        return ranges != 0;
    }

    // Fits 80 columns for addresses of up to 52 bits.
    private static string Line(string start, string end, string pages, string before, string after) =>
        $"{start,-16} {end,-16} {pages,14} {before,-11} {after}".TrimEnd();

    private static bool WriteJson(
        MapDiffOptions options, string beforeMode, string afterMode, IEnumerable<SharedRegionChange> changes, Stream output)
    {
        ulong pages = 0;
        bool isDifferent = false;
        ArrayBufferWriter<byte> buffer = new();
        using Utf8JsonWriter json = new(buffer, CliJsonContext.ReadableWriter);
        json.WriteStartObject();
        json.WriteString("schema"u8, "kvmsev.map-diff/1"u8);
        json.WriteString("a"u8, options.Before);
        json.WriteString("b"u8, options.After);
        json.WriteString("aMode"u8, beforeMode);
        json.WriteString("bMode"u8, afterMode);
        json.WriteStartArray("changes"u8);
        foreach (SharedRegionChange change in changes)
        {
            isDifferent = true;
            pages += change.Range.PageCount;
            json.WriteStartObject();
            json.WriteString("start"u8, change.Range.Start.ToString());
            json.WriteString("end"u8, change.Range.End.ToString());
            json.WriteNumber("pages"u8, change.Range.PageCount);
            WriteState(json, "a"u8, change.Before);
            WriteState(json, "b"u8, change.After);
            json.WriteEndObject();
            json.Flush();
            if (buffer.WrittenCount > 1 << 16)
            {
                // A hostile pair of maps differs in every second page: never hold all of that.
                output.Write(buffer.WrittenSpan);
                buffer.ResetWrittenCount();
            }
        }

        json.WriteEndArray();
        json.WriteBoolean("different"u8, isDifferent);
        json.WriteNumber("differentPages"u8, pages);
        json.WriteEndObject();
        json.Flush();
        output.Write(buffer.WrittenSpan);
        output.Write("\n"u8);
        return isDifferent;
    }

    private static void WriteState(Utf8JsonWriter json, ReadOnlySpan<byte> name, PageState? state)
    {
        if (state is null)
        {
            json.WriteNull(name);
        }
        else
        {
            json.WriteString(name, MapStateWords.WordFor(state));
        }
    }
}
