using System.Text;
using System.Text.Unicode;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Reads a map that <see cref="SharedRegionMapCsv"/> wrote, and names the line and the field that is wrong.</summary>
internal sealed class SharedRegionMapCsvReader
{
    private const int ColumnCount = 6;

    private readonly BoundedLines _lines;
    private readonly string _source;
    private readonly SharedRegionMapBuilder _builder = new();

    /// <summary>Makes the reader.</summary>
    /// <param name="input">The text; stays open.</param>
    /// <param name="source">What to call it.</param>
    public SharedRegionMapCsvReader(Stream input, string source)
    {
        _lines = new BoundedLines(input);
        _source = source;
    }

    /// <summary>Reads the map.</summary>
    /// <exception cref="InvalidInputException">It is none.</exception>
    public SharedRegionMap Read()
    {
        SharedRegionMapHeader header = ReadHeader();
        while (NextLine())
        {
            ReadRun();
        }

        return _builder.Build(header, "runs", _source);
    }

    /// <summary>Reads everything up to the names of the columns; they are the present line then.</summary>
    private SharedRegionMapHeader ReadHeader()
    {
        Require(Encoding.UTF8.GetString(HeaderValue("schema")) == MapWords.MapSchema, "schema", $"is not {MapWords.MapSchema}");
        string mode = Encoding.UTF8.GetString(HeaderValue("mode"));
        Require(SharedRegionMapInfo.IsMode(mode), "mode", "is not one word of small letters, digits and hyphens");
        int? cBit = ReadCBit();
        ulong memoryBytes = HeaderNumber("memoryBytes");
        Require(HeaderNumber("pageSize") == GuestPage.Size, "pageSize", "is not 4096");
        ulong generation = HeaderNumber("generation");
        bool isTime = MapWords.TryParseTime(HeaderValue("capturedAt"), out DateTimeOffset time);
        Require(isTime, "capturedAt", "is not a time like 2025-01-31T23:59:59.1234567Z");
        ReadOnlySpan<byte> ready = HeaderValue("migrationReady");
        bool isReady = ready.SequenceEqual("true"u8);
        Require(isReady || ready.SequenceEqual("false"u8), "migrationReady", "is neither true nor false");
        PageTotals totals = new(HeaderNumber("privatePages"), HeaderNumber("sharedPages"), HeaderNumber("unreportedPages"));
        SharedRegionMapInfo info = new()
        {
            Mode = mode,
            CBit = cBit,
            MemoryBytes = memoryBytes,
            Generation = generation,
            CapturedAt = time,
            MigrationReady = isReady,
        };
        return new SharedRegionMapHeader(info, ReadRam(), totals);
    }

    private int? ReadCBit()
    {
        ReadOnlySpan<byte> text = HeaderValue("cBit");
        if (text.IsEmpty)
        {
            return null;
        }

        bool isBit = MapWords.TryParseNumber(text, out ulong bit) && bit <= int.MaxValue && SharedRegionMapInfo.IsCBit((long)bit);
        Require(isBit, "cBit", "is neither empty nor one of the bits 12 to 63");
        return (int)bit;
    }

    private RamRanges ReadRam()
    {
        List<GpaRange> ranges = [];
        while (true)
        {
            RequireLine("ram");
            if (Encoding.UTF8.GetString(_lines.Line) == SharedRegionMapCsv.Columns)
            {
                Require(ranges.Count > 0, "ram", "is missing");
                return new RamRanges(ranges);
            }

            ReadOnlySpan<byte> value = ValueOf("ram");
            int hyphen = value.IndexOf((byte)'-');
            ulong start = 0;
            ulong end = 0;
            bool isRange = hyphen > 0
                && MapWords.TryParseHex(value[..hyphen], out start) && MapWords.TryParseHex(value[(hyphen + 1)..], out end)
                && GuestPage.IsAligned(start) && GuestPage.IsAligned(end) && start < end && end <= 1UL << RamRanges.AddressBits;
            Require(isRange, "ram", "is not a range of whole pages like 0x0-0xa0000");
            bool isNext = ranges.Count == 0 || start > ranges[^1].End.Value;
            Require(isNext, "ram", "does not lie behind the range before, with a hole between them");
            Require(ranges.Count < MapWords.MaximumRamRanges, "ram", "is one range of RAM too many");
            ranges.Add(GpaRange.FromBounds(start, end));
        }
    }

    private void ReadRun()
    {
        Require(Utf8.IsValid(_lines.Line), "label", "is not UTF-8");
        Span<Range> columns = stackalloc Range[ColumnCount];
        ReadOnlySpan<byte> line = _lines.Line;
        Require(TrySplit(line, columns), "columns", $"are not the {ColumnCount} of {SharedRegionMapCsv.Columns}");
        Require(MapWords.TryParseHex(line[columns[0]], out ulong start), "start", "is not an address like 0x1f000");
        Require(MapWords.TryParseHex(line[columns[1]], out ulong end), "end", "is not an address like 0x1f000");
        Require(MapWords.TryParseNumber(line[columns[2]], out ulong pages), "pages", "is not a number");
        Require(MapWords.TryParseState(line[columns[3]], out PageState state), "state", "is none of private, shared, unreported");
        RangeLabel? label = ReadLabel(line[columns[4]], line[columns[5]]);
        if (_builder.Add(start, end, state, label, out string field) is string problem)
        {
            throw Invalid(field, problem);
        }

        Require(pages == (end - start) >> GuestPage.Shift, "pages", "is not what start and end say");
    }

    private RangeLabel? ReadLabel(ReadOnlySpan<byte> text, ReadOnlySpan<byte> certainty)
    {
        if (text.IsEmpty && certainty.IsEmpty)
        {
            return null;
        }

        string words = Encoding.UTF8.GetString(text);
        if (text.StartsWith("\""u8))
        {
            words = words[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal);
            Require(words.AsSpan().IndexOfAny(',', '"') >= 0, "label", "is quoted without need");
        }

        if (RangeLabel.FindProblem(words) is string problem)
        {
            throw Invalid("label", problem);
        }

        Require(MapWords.TryParseCertainty(certainty, out LabelCertainty parsed), "certainty", "is none of exact, likely, unknown");
        return _builder.Label(words, parsed);
    }

    /// <summary>Splits a line at its commas. A column that starts with a quotation mark goes on to the single one that ends it.</summary>
    private static bool TrySplit(ReadOnlySpan<byte> line, Span<Range> columns)
    {
        int at = 0;
        for (int column = 0; column < columns.Length; column++)
        {
            int start = at;
            if (at < line.Length && line[at] == (byte)'"')
            {
                at++;
                while (at < line.Length && (line[at] != (byte)'"' || (at + 1 < line.Length && line[at + 1] == (byte)'"')))
                {
                    at += line[at] == (byte)'"' ? 2 : 1;
                }

                // Now at the closing quotation mark, if there is one.
                at++;
                if (at > line.Length)
                {
                    return false;
                }
            }
            else
            {
                int length = line[at..].IndexOfAny((byte)',', (byte)'"');
                at += length < 0 ? line.Length - at : length;
            }

            columns[column] = start..at;
            bool isLast = column == columns.Length - 1;
            if (isLast ? at != line.Length : at == line.Length || line[at] != (byte)',')
            {
                return false;
            }

            at++;
        }

        return true;
    }

    private ReadOnlySpan<byte> HeaderValue(string name)
    {
        RequireLine(name);
        return ValueOf(name);
    }

    private ulong HeaderNumber(string name)
    {
        Require(MapWords.TryParseNumber(HeaderValue(name), out ulong value), name, "is not a whole number from 0 to 2^64 - 1");
        return value;
    }

    /// <summary>The value of the present line, which must be that of <paramref name="name"/>.</summary>
    private ReadOnlySpan<byte> ValueOf(string name)
    {
        string start = "# " + name + "=";
        ReadOnlySpan<byte> line = _lines.Line;
        bool isNamed = line.Length >= start.Length && Ascii.Equals(line[..start.Length], start);
        Require(isNamed, name, $"does not stand here; the line must start with '{start}'");
        return line[start.Length..];
    }

    private void RequireLine(string field)
    {
        if (!NextLine())
        {
            throw Invalid(field, "is missing; the file ends here");
        }
    }

    private bool NextLine()
    {
        bool found = _lines.MoveNext(out string? problem);
        if (problem is not null)
        {
            throw new InvalidInputException(_source, FormattableString.Invariant($"line {_lines.Number}"), problem);
        }

        return found;
    }

    private void Require(bool condition, string field, string problem)
    {
        if (!condition)
        {
            throw Invalid(field, problem);
        }
    }

    private InvalidInputException Invalid(string field, string problem) =>
        new(_source, FormattableString.Invariant($"line {_lines.Number}, {field}"), problem);
}
