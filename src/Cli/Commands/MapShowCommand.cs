using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map show</c>: prints a map, or converts it.</summary>
internal static class MapShowCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapShowOptions>(
        "kvmsev map show FILE [OPTIONS]",
        """
        JSON, CSV and bitmap hold everything and convert into each other without loss;
        the table is for people. The bitmap has two bits for each 4 KiB page of RAM (0
        unreported, 1 private, 2 shared), four pages a byte, lowest bits first; its
        header is written to OUTPUT.json, where OUTPUT is the FILE of --output.
        """,
        [
            new VerbExample("What is shared?", "map", "show", "map.json"),
            new VerbExample("For a spreadsheet:", "map", "show", "map.json", "--format", "csv", "--output", "map.csv"),
        ],
        Execute);

    private static int Execute(MapShowOptions options, CliContext context)
    {
        MapFormat format = options.ParseFormat();
        SharedRegionMap map = MapFile.Read(options.File!);
        if (options.Output is not string path)
        {
            Write(map, format, context.Output);
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
            output.WriteAll(stream => Write(map, format, stream));
        }

        return ExitCode.Success;
    }

    private static void Write(SharedRegionMap map, MapFormat format, Stream output)
    {
        switch (format)
        {
            case MapFormat.Json:
                SharedRegionMapJson.Write(map, output);
                break;
            case MapFormat.Csv:
                SharedRegionMapCsv.Write(map, output);
                break;
            default:
                SharedRegionMapTable.Write(map, output);
                break;
        }
    }
}
