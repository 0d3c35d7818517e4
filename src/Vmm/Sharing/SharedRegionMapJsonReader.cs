using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Reads the two JSON documents of a map, the map itself and the header of a bitmap, and names the field that is wrong.</summary>
internal sealed class SharedRegionMapJsonReader
{
    private static readonly string[] HeaderFields =
        ["schema", "vm", "pageSize", "generation", "capturedAt", "migrationReady", "totals", "ram"];

    private static readonly string[] MapFields = [.. HeaderFields, "ranges"];
    private static readonly string[] BitmapFields = [.. HeaderFields, "bitmap", "labels"];
    private static readonly string[] VmFields = ["mode", "cBit", "memoryBytes"];
    private static readonly string[] TotalsFields = ["privatePages", "sharedPages", "unreportedPages"];
    private static readonly string[] BoundsFields = ["start", "end"];
    private static readonly string[] RunFields = ["start", "end", "state", "label"];
    private static readonly string[] LabelFields = ["text", "certainty"];
    private static readonly string[] LabelledRangeFields = ["start", "end", "text", "certainty"];
    private static readonly string[] CellFields = ["bitsPerPage", "bytes"];

    private readonly JsonTokens _json;
    private readonly string _source;
    private readonly SharedRegionMapBuilder _builder = new();
    private readonly List<LabelledRange> _labels = [];

    // Where the reader is: ranges[3].label.text is field "ranges", index 3, member "label", submember "text".
    private string? _field;
    private int _index = -1;
    private string? _member;
    private string? _submember;

    private string _mode = "";
    private int? _cBit;
    private ulong _memoryBytes;
    private ulong _generation;
    private DateTimeOffset _capturedAt;
    private bool _migrationReady;
    private ulong _privatePages;
    private ulong _sharedPages;
    private ulong _unreportedPages;
    private RamRanges? _ram;
    private ulong _bitmapBytes;

    /// <summary>Makes the reader.</summary>
    /// <param name="input">The document; stays open.</param>
    /// <param name="source">What to call it.</param>
    public SharedRegionMapJsonReader(Stream input, string source)
    {
        _json = new JsonTokens(input);
        _source = source;
    }

    /// <summary>Reads a map.</summary>
    /// <exception cref="InvalidInputException">It is none.</exception>
    public SharedRegionMap ReadMap() => _builder.Build(ReadDocument(MapWords.MapSchema, MapFields), "ranges", _source);

    /// <summary>Reads the header of a bitmap.</summary>
    /// <param name="bitmapBytes">Bytes that the bitmap must have.</param>
    /// <param name="labels">Labels, checked.</param>
    /// <exception cref="InvalidInputException">It is none.</exception>
    public SharedRegionMapHeader ReadBitmapHeader(out ulong bitmapBytes, out LabelledRange[] labels)
    {
        SharedRegionMapHeader header = ReadDocument(MapWords.BitmapSchema, BitmapFields);
        for (int i = 0; i < _labels.Count; i++)
        {
            if (!header.Ram.Contains(_labels[i].Range))
            {
                throw new InvalidInputException(_source, $"labels[{i}]", $"{_labels[i].Range} is not inside one range of RAM");
            }
        }

        bitmapBytes = _bitmapBytes;
        labels = [.. _labels];
        return header;
    }

    private SharedRegionMapHeader ReadDocument(string schema, string[] fields)
    {
        ReadFields(fields, ref _field, field =>
        {
            switch (field)
            {
                case "schema":
                    ReadSchema(schema);
                    break;
                case "vm":
                    ReadFields(VmFields, ref _member, ReadVmField);
                    break;
                case "pageSize":
                    RequireNumber(GuestPage.Size);
                    break;
                case "generation":
                    _generation = ReadNumber();
                    break;
                case "capturedAt":
                    ReadTime();
                    break;
                case "migrationReady":
                    ReadBoolean();
                    break;
                case "totals":
                    ReadFields(TotalsFields, ref _member, ReadTotal);
                    break;
                case "ram":
                    ReadRam();
                    break;
                case "ranges":
                    ReadArray(ReadRun);
                    break;
                case "bitmap":
                    ReadFields(CellFields, ref _member, ReadCells);
                    break;
                default:
                    ReadArray(ReadLabelledRange);
                    break;
            }
        });

        // Throws by itself when something follows.
        _ = Advance();
        SharedRegionMapInfo info = new()
        {
            Mode = _mode,
            CBit = _cBit,
            MemoryBytes = _memoryBytes,
            Generation = _generation,
            CapturedAt = _capturedAt,
            MigrationReady = _migrationReady,
        };
        return new SharedRegionMapHeader(info, _ram!, new PageTotals(_privatePages, _sharedPages, _unreportedPages));
    }

    private void ReadSchema(string schema)
    {
        Next(JsonTokenType.String, "a string");
        if (_json.GetString() != schema)
        {
            throw Invalid($"is not {schema}, the only one that this version reads");
        }
    }

    private void ReadVmField(string member)
    {
        switch (member)
        {
            case "mode":
                Next(JsonTokenType.String, "a string");
                _mode = _json.GetString();
                Require(SharedRegionMapInfo.IsMode(_mode), "is not one word of small letters, digits and hyphens");
                break;
            case "cBit":
                NextToken();
                if (_json.Type != JsonTokenType.Null)
                {
                    Require(_json.Type == JsonTokenType.Number, "is neither a number nor null");
                    ulong bit = Number();
                    Require(bit <= int.MaxValue && SharedRegionMapInfo.IsCBit((long)bit), "is not one of the bits 12 to 63");
                    _cBit = (int)bit;
                }

                break;
            default:
                _memoryBytes = ReadNumber();
                break;
        }
    }

    private void ReadTime()
    {
        Next(JsonTokenType.String, "a string");
        Require(MapWords.TryParseTime(_json.Value, out _capturedAt), "is not a time like 2025-01-31T23:59:59.1234567Z");
    }

    private void ReadBoolean()
    {
        NextToken();
        Require(_json.Type is JsonTokenType.True or JsonTokenType.False, "is neither true nor false");
        _migrationReady = _json.Type == JsonTokenType.True;
    }

    private void ReadTotal(string member)
    {
        ulong pages = ReadNumber();
        switch (member)
        {
            case "privatePages":
                _privatePages = pages;
                break;
            case "sharedPages":
                _sharedPages = pages;
                break;
            default:
                _unreportedPages = pages;
                break;
        }
    }

    private void ReadRam()
    {
        List<GpaRange> ranges = [];
        ReadArray(() =>
        {
            Require(_index < MapWords.MaximumRamRanges, $"more than {MapWords.MaximumRamRanges} ranges of RAM");
            ulong start = 0;
            ulong end = 0;
            ReadFields(BoundsFields, ref _member, member => _ = member == "start" ? start = ReadHex() : end = ReadHex());
            RequireRange(start, end);
            Require(ranges.Count == 0 || start > ranges[^1].End.Value, "does not lie behind the range before, with a hole between them", "start");
            ranges.Add(GpaRange.FromBounds(start, end));
        });
        Require(ranges.Count > 0, "is empty");
        _ram = new RamRanges(ranges);
    }

    private void ReadRun()
    {
        ulong start = 0;
        ulong end = 0;
        PageState state = PageState.Unreported;
        RangeLabel? label = null;
        ReadFields(
            RunFields,
            ref _member,
            member =>
            {
                switch (member)
                {
                    case "start":
                        start = ReadHex();
                        break;
                    case "end":
                        end = ReadHex();
                        break;
                    case "state":
                        Next(JsonTokenType.String, "a string");
                        Require(MapWords.TryParseState(_json.Value, out state), "is none of private, shared, unreported");
                        break;
                    default:
                        label = ReadLabel();
                        break;
                }
            },
            optional: "label");
        if (_builder.Add(start, end, state, label, out string field) is string problem)
        {
            _member = field;
            throw Invalid(problem);
        }
    }

    private RangeLabel ReadLabel()
    {
        string text = "";
        LabelCertainty certainty = LabelCertainty.Unknown;
        ReadFields(LabelFields, ref _submember, member => ReadLabelField(member, ref text, ref certainty));
        return _builder.Label(text, certainty);
    }

    private void ReadLabelField(string member, ref string text, ref LabelCertainty certainty)
    {
        Next(JsonTokenType.String, "a string");
        if (member == "text")
        {
            text = _json.GetString();
            if (RangeLabel.FindProblem(text) is string problem)
            {
                throw Invalid(problem);
            }
        }
        else
        {
            Require(MapWords.TryParseCertainty(_json.Value, out certainty), "is none of exact, likely, unknown");
        }
    }

    private void ReadLabelledRange()
    {
        ulong start = 0;
        ulong end = 0;
        string text = "";
        LabelCertainty certainty = LabelCertainty.Unknown;
        ReadFields(LabelledRangeFields, ref _member, member =>
        {
            switch (member)
            {
                case "start":
                    start = ReadHex();
                    break;
                case "end":
                    end = ReadHex();
                    break;
                default:
                    ReadLabelField(member, ref text, ref certainty);
                    break;
            }
        });
        RequireRange(start, end);
        RangeLabel label = _builder.Label(text, certainty);
        if (_labels.Count > 0)
        {
            LabelledRange last = _labels[^1];
            Require(start >= last.Range.End.Value, "lies below the end of the label before", "start");
            Require(start != last.Range.End.Value || label != last.Label, "goes on from the label before, so the two are one", "start");
        }

        _labels.Add(new LabelledRange(GpaRange.FromBounds(start, end), label));
    }

    private void ReadCells(string member)
    {
        if (member == "bitsPerPage")
        {
            RequireNumber(SharedRegionMapBitmap.BitsPerPage);
        }
        else
        {
            _bitmapBytes = ReadNumber();
        }
    }

    /// <summary>Reads an object with exactly the fields named, in any order.</summary>
    /// <param name="names">The fields.</param>
    /// <param name="place">Where the name of the present field is to be kept for errors.</param>
    /// <param name="read">Reads one field's value.</param>
    /// <param name="optional">A field that may be missing.</param>
    private void ReadFields(string[] names, ref string? place, Action<string> read, string? optional = null)
    {
        Next(JsonTokenType.StartObject, "an object");
        int seen = 0;
        while (true)
        {
            NextToken();
            if (_json.Type == JsonTokenType.EndObject)
            {
                break;
            }

            int index = 0;
            while (index < names.Length && !_json.ValueIs(names[index]))
            {
                index++;
            }

            if (index == names.Length)
            {
                throw Invalid($"has a field that it must not have; its fields are {string.Join(", ", names)}");
            }

            place = names[index];
            Require((seen & (1 << index)) == 0, "is there twice");
            seen |= 1 << index;
            read(names[index]);
            place = null;
        }

        for (int i = 0; i < names.Length; i++)
        {
            if ((seen & (1 << i)) == 0 && names[i] != optional)
            {
                place = names[i];
                throw Invalid("is missing");
            }
        }
    }

    private void ReadArray(Action read)
    {
        Next(JsonTokenType.StartArray, "an array");
        _index = 0;
        while (true)
        {
            NextToken();
            if (_json.Type == JsonTokenType.EndArray)
            {
                break;
            }

            _json.PutBack();
            read();
            _index++;
        }

        _index = -1;
    }

    private ulong ReadNumber()
    {
        NextToken();
        Require(_json.Type == JsonTokenType.Number, "is not a number");
        return Number();
    }

    private ulong Number()
    {
        Require(MapWords.TryParseNumber(_json.Value, out ulong number), "is not a whole number from 0 to 2^64 - 1");
        return number;
    }

    private void RequireNumber(ulong expected) => Require(ReadNumber() == expected, $"is not {expected}");

    private ulong ReadHex()
    {
        Next(JsonTokenType.String, "a string");
        Require(MapWords.TryParseHex(_json.Value, out ulong value), "is not an address like 0x1f000");
        return value;
    }

    private void RequireRange(ulong start, ulong end)
    {
        Require(GuestPage.IsAligned(start), "is not a multiple of 4096", "start");
        Require(GuestPage.IsAligned(end) && end <= 1UL << RamRanges.AddressBits, "is not a multiple of 4096 up to 2^52", "end");
        Require(start < end, "does not lie above the start", "end");
    }

    private void Next(JsonTokenType type, string words)
    {
        NextToken();
        Require(_json.Type == type, "is not " + words);
    }

    private void NextToken()
    {
        if (!Advance())
        {
            throw Invalid("the document ends here");
        }
    }

    private bool Advance()
    {
        try
        {
            return _json.Read();
        }
        catch (JsonException exception)
        {
            throw Invalid("is not JSON from here on: " + exception.Message, exception);
        }
    }

    private void Require(bool condition, string problem, string? member = null)
    {
        if (!condition)
        {
            _member = member ?? _member;
            throw Invalid(problem);
        }
    }

    private InvalidInputException Invalid(string problem, Exception? inner = null)
    {
        string place = _field ?? "document";
        place += _index >= 0 ? FormattableString.Invariant($"[{_index}]") : "";
        place += _member is null ? "" : "." + _member;
        place += _submember is null ? "" : "." + _submember;
        return new InvalidInputException(_source, place, problem, inner);
    }
}
