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

    private readonly JsonFields _json;
    private readonly string _source;
    private readonly SharedRegionMapBuilder _builder = new();
    private readonly List<LabelledRange> _labels = [];

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
        _json = new JsonFields(input, source);
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
        _json.ReadFields(fields, field =>
        {
            switch (field)
            {
                case "schema":
                    ReadSchema(schema);
                    break;
                case "vm":
                    _json.ReadFields(VmFields, ReadVmField);
                    break;
                case "pageSize":
                    _json.RequireNumber(GuestPage.Size);
                    break;
                case "generation":
                    _generation = _json.ReadNumber();
                    break;
                case "capturedAt":
                    ReadTime();
                    break;
                case "migrationReady":
                    ReadBoolean();
                    break;
                case "totals":
                    _json.ReadFields(TotalsFields, ReadTotal);
                    break;
                case "ram":
                    ReadRam();
                    break;
                case "ranges":
                    _json.ReadArray(ReadRun);
                    break;
                case "bitmap":
                    _json.ReadFields(CellFields, ReadCells);
                    break;
                default:
                    _json.ReadArray(ReadLabelledRange);
                    break;
            }
        });

        _json.RequireEnd();
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
        _json.Next(JsonTokenType.String, "a string");
        if (_json.GetString() != schema)
        {
            throw _json.Invalid($"is not {schema}, the only one that this version reads");
        }
    }

    private void ReadVmField(string member)
    {
        switch (member)
        {
            case "mode":
                _json.Next(JsonTokenType.String, "a string");
                _mode = _json.GetString();
                _json.Require(SharedRegionMapInfo.IsMode(_mode), "is not one word of small letters, digits and hyphens");
                break;
            case "cBit":
                _json.NextToken();
                if (_json.Type != JsonTokenType.Null)
                {
                    _json.Require(_json.Type == JsonTokenType.Number, "is neither a number nor null");
                    ulong bit = _json.Number();
                    _json.Require(bit <= int.MaxValue && SharedRegionMapInfo.IsCBit((long)bit), "is not one of the bits 12 to 63");
                    _cBit = (int)bit;
                }

                break;
            default:
                _memoryBytes = _json.ReadNumber();
                break;
        }
    }

    private void ReadTime()
    {
        _json.Next(JsonTokenType.String, "a string");
        _json.Require(MapWords.TryParseTime(_json.Value, out _capturedAt), "is not a time like 2025-01-31T23:59:59.1234567Z");
    }

    private void ReadBoolean()
    {
        _json.NextToken();
        _json.Require(_json.Type is JsonTokenType.True or JsonTokenType.False, "is neither true nor false");
        _migrationReady = _json.Type == JsonTokenType.True;
    }

    private void ReadTotal(string member)
    {
        ulong pages = _json.ReadNumber();
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
        _json.ReadArray(() =>
        {
            _json.Require(ranges.Count < MapWords.MaximumRamRanges, $"more than {MapWords.MaximumRamRanges} ranges of RAM");
            ulong start = 0;
            ulong end = 0;
            _json.ReadFields(BoundsFields, member => _ = member == "start" ? start = _json.ReadHex() : end = _json.ReadHex());
            _json.RequireRange(start, end);
            bool isNext = ranges.Count == 0 || start > ranges[^1].End.Value;
            _json.Require(isNext, "does not lie behind the range before, with a hole between them", "start");
            ranges.Add(GpaRange.FromBounds(start, end));
        });
        _json.Require(ranges.Count > 0, "is empty");
        _ram = new RamRanges(ranges);
    }

    private void ReadRun()
    {
        ulong start = 0;
        ulong end = 0;
        PageState state = PageState.Unreported;
        RangeLabel? label = null;
        _json.ReadFields(
            RunFields,
            member =>
            {
                switch (member)
                {
                    case "start":
                        start = _json.ReadHex();
                        break;
                    case "end":
                        end = _json.ReadHex();
                        break;
                    case "state":
                        _json.Next(JsonTokenType.String, "a string");
                        _json.Require(MapWords.TryParseState(_json.Value, out state), "is none of private, shared, unreported");
                        break;
                    default:
                        label = ReadLabel();
                        break;
                }
            },
            optional: "label");
        if (_builder.Add(start, end, state, label, out string field) is string problem)
        {
            throw _json.Invalid(problem, field);
        }
    }

    private RangeLabel ReadLabel()
    {
        string text = "";
        LabelCertainty certainty = LabelCertainty.Unknown;
        _json.ReadFields(LabelFields, member => ReadLabelField(member, ref text, ref certainty));
        return _builder.Label(text, certainty);
    }

    private void ReadLabelField(string member, ref string text, ref LabelCertainty certainty)
    {
        _json.Next(JsonTokenType.String, "a string");
        if (member == "text")
        {
            text = _json.GetString();
            if (RangeLabel.FindProblem(text) is string problem)
            {
                throw _json.Invalid(problem);
            }
        }
        else
        {
            _json.Require(MapWords.TryParseCertainty(_json.Value, out certainty), "is none of exact, likely, unknown");
        }
    }

    private void ReadLabelledRange()
    {
        ulong start = 0;
        ulong end = 0;
        string text = "";
        LabelCertainty certainty = LabelCertainty.Unknown;
        _json.ReadFields(LabelledRangeFields, member =>
        {
            switch (member)
            {
                case "start":
                    start = _json.ReadHex();
                    break;
                case "end":
                    end = _json.ReadHex();
                    break;
                default:
                    ReadLabelField(member, ref text, ref certainty);
                    break;
            }
        });
        _json.RequireRange(start, end);
        RangeLabel label = _builder.Label(text, certainty);
        if (_labels.Count > 0)
        {
            LabelledRange last = _labels[^1];
            _json.Require(start >= last.Range.End.Value, "lies below the end of the label before", "start");
            bool isOther = start != last.Range.End.Value || label != last.Label;
            _json.Require(isOther, "goes on from the label before, so the two are one", "start");
        }

        _labels.Add(new LabelledRange(GpaRange.FromBounds(start, end), label));
    }

    private void ReadCells(string member)
    {
        if (member == "bitsPerPage")
        {
            _json.RequireNumber(SharedRegionMapBitmap.BitsPerPage);
        }
        else
        {
            _bitmapBytes = _json.ReadNumber();
        }
    }
}
