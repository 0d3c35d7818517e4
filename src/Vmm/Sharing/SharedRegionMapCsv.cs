using System.Globalization;
using System.Text;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A map as comma-separated values. Lossless: reading and writing again gives the same bytes.</summary>
/// <remarks>
/// First lines <c># name=value</c> with what <see cref="SharedRegionMapJson"/> says beside the ranges, one <c>ram</c> line for each
/// range of RAM;
/// then the names of the columns, <c>start,end,pages,state,label,certainty</c>, and a line for each run. Addresses are hexadecimal,
/// <c>end</c> is
/// the first address behind the run; label and certainty are empty for a run without label; a label with a comma or a quotation mark is
/// quoted
/// as in RFC 4180. Lines end with a line feed; the text is UTF-8.
/// </remarks>
public static class SharedRegionMapCsv
{
    /// <summary>The names of the columns.</summary>
    internal const string Columns = "start,end,pages,state,label,certainty";

    /// <summary>Writes a map, in constant memory.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output)
    {
        using StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        WriteHeader(map, writer);
        writer.WriteLine(Columns);
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            writer.Write(run.Range.Start);
            writer.Write(',');
            writer.Write(run.Range.End);
            writer.Write(',');
            writer.Write(run.Range.PageCount.ToString(CultureInfo.InvariantCulture));
            writer.Write(',');
            writer.Write(MapWords.Of(run.State));
            writer.Write(',');
            if (run.Label is { } label)
            {
                writer.Write(Quote(label.Text));
                writer.Write(',');
                writer.WriteLine(MapWords.Of(label.Certainty));
            }
            else
            {
                writer.WriteLine(',');
            }
        }
    }

    /// <summary>Reads a map. Strict: everything that <see cref="Write"/> would not write is refused.</summary>
    /// <param name="input">The text; at most 8 bytes are held for each of its runs.</param>
    /// <param name="source">What to call it in an error: the file as the user wrote it.</param>
    /// <exception cref="InvalidInputException">It is no such map; names the line and the field, for example <c>line 17,
    /// end</c>.</exception>
    /// <exception cref="IOException">The input failed.</exception>
    public static SharedRegionMap Read(Stream input, string source) => new SharedRegionMapCsvReader(input, source).Read();

    private static void WriteHeader(SharedRegionMap map, StreamWriter writer)
    {
        Line("schema", MapWords.MapSchema);
        Line("mode", map.Mode);
        Line("cBit", map.CBit?.ToString(CultureInfo.InvariantCulture) ?? "");
        Number("memoryBytes", map.MemoryBytes);
        Number("pageSize", GuestPage.Size);
        Number("generation", map.Generation);
        Line("capturedAt", MapWords.Of(map.CapturedAt));
        Line("migrationReady", map.MigrationReady ? "true" : "false");
        Number("privatePages", map.Totals.PrivatePages);
        Number("sharedPages", map.Totals.SharedPages);
        Number("unreportedPages", map.Totals.UnreportedPages);
        foreach (GpaRange range in map.Ram)
        {
            Line("ram", $"{range.Start}-{range.End}");
        }

        void Number(string name, ulong value) => Line(name, value.ToString(CultureInfo.InvariantCulture));

        void Line(string name, string value) => writer.WriteLine("# " + name + "=" + value);
    }

    private static string Quote(string text) =>
        text.AsSpan().IndexOfAny(',', '"') < 0 ? text : "\"" + text.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
