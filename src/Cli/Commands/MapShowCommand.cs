using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Sharing.Pictures;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map show</c>: prints a map, or converts it.</summary>
internal static class MapShowCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapShowOptions>(
        "kvmsev map show {FILE|--socket PATH} [OPTIONS]",
        """
        JSON, CSV and bitmap hold everything and convert into each other without loss;
        table, picture, SVG, PNG and HTML are for people. The bitmap has two bits for
        each 4 KiB page of RAM (0 unreported, 1 private, 2 shared), four pages a byte,
        lowest bits first; its header is written to OUTPUT.json, where OUTPUT is the
        FILE of --output. The HTML page needs no other file and asks nobody for one.

        FILE may be an event log: it is replayed, to its end or, as FILE@SECONDS, to a
        moment. It may be the control socket of a guest that runs: its map of this
        moment. --event-log, --console and --system-map say what ranges are used for:
        a label is exact, likely (it fits what was observed) or unknown (a guess).

        On a terminal, colours are left out with NO_COLOR; shapes carry the picture.
        """,
        [
            new VerbExample("What is shared?", "map", "show", "map.json"),
            new VerbExample("What is shared now, in a guest that runs?", "map", "show", "--socket", "guest.sock"),
            new VerbExample("As a page for the browser, with a time slider:",
                "map", "show", "map.json", "--event-log", "events.jsonl", "--format", "html", "--output", "map.html"),
            new VerbExample("For a spreadsheet:", "map", "show", "map.json", "--format", "csv", "--output", "map.csv"),
        ],
        Execute);

    private static int Execute(MapShowOptions options, CliContext context)
    {
        MapFormat format = options.ParseFormat(context.IsOutputTerminal);
        bool isLog = false;
        SharedRegionMap map = options.Socket is string socket ? LiveMap.Read(socket) : MapFile.Read(options.File!, out isLog);
        string? events = options.EventLog ?? (isLog ? options.File : null);
        EventLogReplay? log = events is null ? null : EventLogFile.Replay("--event-log", events);
        map = options.Label(map, log);
        if (log is not null && !options.Quiet && SharedRegionMap.Diff(map, log.Snapshot()).Any())
        {
            context.Error.WriteLine("kvmsev: the event log does not lead to this map; labels may be of another moment or guest");
        }

        if (format == MapFormat.Html && log is not null)
        {
            using OutputFile page = OutputFile.Open("--output", options.Output ?? "-", context.Output);
            page.WriteAll(stream => MapHistoryPage.Write(events!, map, stream));
            return ExitCode.Success;
        }

        if (options.Output is not string path)
        {
            Write(map, format, context, context.Output);
            return ExitCode.Success;
        }

        using OutputFile output = OutputFile.Open("--output", path, context.Output);
        if (format == MapFormat.Bitmap)
        {
            using OutputFile header = OutputFile.Open("--output", path + MapFile.HeaderSuffix, context.Output);
            SharedRegionMapBitmap.Write(map, output.Stream, header.Stream);
            output.Commit();
            header.Commit();
        }
        else
        {
            output.WriteAll(stream => Write(map, format, context, stream));
        }

        return ExitCode.Success;
    }

    private static void Write(SharedRegionMap map, MapFormat format, CliContext context, Stream output)
    {
        switch (format)
        {
            case MapFormat.Json:
                SharedRegionMapJson.Write(map, output);
                break;
            case MapFormat.Csv:
                SharedRegionMapCsv.Write(map, output);
                break;
            case MapFormat.Picture:
                TerminalMapPicture.Write(map, output, context.UseOutputColor, context.UseUnicode);
                break;
            case MapFormat.Svg:
                SvgMapPicture.Write(map, output);
                break;
            case MapFormat.Png:
                PngMapPicture.Write(map, output);
                break;
            case MapFormat.Html:
                HtmlMapPage.Write(map, output);
                break;
            default:
                SharedRegionMapTable.Write(map, output);
                break;
        }
    }
}
