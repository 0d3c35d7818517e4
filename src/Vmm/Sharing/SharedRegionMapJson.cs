using System.Buffers;
using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// The canonical form of a map: JSON, schema <c>kvmsev.encryption-map/1</c>. Reading and writing again gives the same bytes.
/// </summary>
/// <remarks>
/// One object: <c>schema</c>, <c>vm</c> {<c>mode</c>, <c>cBit</c> or null, <c>memoryBytes</c>}, <c>pageSize</c> (4096), <c>generation</c>,
/// <c>capturedAt</c> (UTC, 100 ns), <c>migrationReady</c>, <c>totals</c> {<c>privatePages</c>, <c>sharedPages</c>, <c>unreportedPages</c>},
/// <c>ram</c> [{<c>start</c>, <c>end</c>}], <c>ranges</c> [{<c>start</c>, <c>end</c>, <c>state</c>, optional <c>label</c> {<c>text</c>,
/// <c>certainty</c>}}]. Addresses are hexadecimal strings, ranges half-open, sorted and maximal, and cover RAM exactly; one range a line.
/// </remarks>
public static class SharedRegionMapJson
{
    private const int FlushBytes = 32 * 1024;

    /// <summary>Writes a map, in constant memory.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output)
    {
        Write(map, output, "\n"u8);
        output.Write("\n"u8);
    }

    /// <summary>Writes the same document without a line end in it or behind it, for a protocol whose messages are lines.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    internal static void WriteLine(SharedRegionMap map, Stream output) => Write(map, output, []);

    private static void Write(SharedRegionMap map, Stream output, ReadOnlySpan<byte> separator)
    {
        using Utf8JsonWriter writer = new(output);
        ArrayBufferWriter<byte> line = new();
        using Utf8JsonWriter lineWriter = new(line);

        writer.WriteStartObject();
        WriteHeader(writer, map, MapWords.MapSchema);
        writer.WriteStartArray("ranges"u8);
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            // A line feed before each value is white space to JSON; a text tool sees one range a line.
            line.ResetWrittenCount();
            line.Write(separator);
            lineWriter.Reset();
            WriteRun(lineWriter, run);
            lineWriter.Flush();
            writer.WriteRawValue(line.WrittenSpan, skipInputValidation: true);
            if (writer.BytesPending > FlushBytes)
            {
                writer.Flush();
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
    }

    /// <summary>
    /// Reads a map. Strict: everything that <see cref="Write(SharedRegionMap, Stream)"/> would not write, but for white space and the
    /// order of names, is refused.
    /// </summary>
    /// <param name="input">The document; at most 8 bytes are held for each of its runs.</param>
    /// <param name="source">What to call it in an error: the file as the user wrote it.</param>
    /// <exception cref="InvalidInputException">It is no such map; names the field, for example <c>ranges[3].end</c>.</exception>
    /// <exception cref="IOException">The input failed.</exception>
    public static SharedRegionMap Read(Stream input, string source) => new SharedRegionMapJsonReader(input, source).ReadMap();

    /// <summary>Writes what map and bitmap header have in common.</summary>
    internal static void WriteHeader(Utf8JsonWriter writer, SharedRegionMap map, string schema)
    {
        writer.WriteString("schema"u8, schema);
        writer.WriteStartObject("vm"u8);
        writer.WriteString("mode"u8, map.Mode);
        if (map.CBit is int bit)
        {
            writer.WriteNumber("cBit"u8, bit);
        }
        else
        {
            writer.WriteNull("cBit"u8);
        }

        writer.WriteNumber("memoryBytes"u8, map.MemoryBytes);
        writer.WriteEndObject();
        writer.WriteNumber("pageSize"u8, GuestPage.Size);
        writer.WriteNumber("generation"u8, map.Generation);
        writer.WriteString("capturedAt"u8, MapWords.Of(map.CapturedAt));
        writer.WriteBoolean("migrationReady"u8, map.MigrationReady);
        writer.WriteStartObject("totals"u8);
        writer.WriteNumber("privatePages"u8, map.Totals.PrivatePages);
        writer.WriteNumber("sharedPages"u8, map.Totals.SharedPages);
        writer.WriteNumber("unreportedPages"u8, map.Totals.UnreportedPages);
        writer.WriteEndObject();
        writer.WriteStartArray("ram"u8);
        foreach (GpaRange range in map.Ram)
        {
            writer.WriteStartObject();
            WriteBounds(writer, range);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    /// <summary>Writes a range's two addresses.</summary>
    internal static void WriteBounds(Utf8JsonWriter writer, GpaRange range)
    {
        writer.WriteString("start"u8, MapWords.Hex(range.Start.Value));
        writer.WriteString("end"u8, MapWords.Hex(range.End.Value));
    }

    /// <summary>Writes a label's two values.</summary>
    internal static void WriteLabel(Utf8JsonWriter writer, RangeLabel label)
    {
        writer.WriteString("text"u8, label.Text);
        writer.WriteString("certainty"u8, MapWords.Of(label.Certainty));
    }

    private static void WriteRun(Utf8JsonWriter writer, SharedRegionRun run)
    {
        writer.WriteStartObject();
        WriteBounds(writer, run.Range);
        writer.WriteString("state"u8, MapWords.Of(run.State));
        if (run.Label is { } label)
        {
            writer.WriteStartObject("label"u8);
            WriteLabel(writer, label);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }
}
