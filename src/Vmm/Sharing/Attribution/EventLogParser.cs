using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>Reads an event log line by line, in constant memory, and names the line and field that is wrong.</summary>
public static class EventLogParser
{
    /// <summary>Reads a log. A last line that is cut short, as a full disk leaves it, is left out.</summary>
    /// <param name="input">The log; stays open.</param>
    /// <param name="source">What to call it in an error.</param>
    /// <exception cref="InvalidInputException">A line is not an event, or time runs backwards.</exception>
    public static IEnumerable<LoggedEvent> Read(Stream input, string source)
    {
        BoundedLines lines = new(input);
        TimeSpan last = TimeSpan.Zero;
        string? problem;
        while (lines.MoveNext(out problem))
        {
            LoggedEvent read;
            string field = "event";
            try
            {
                using JsonDocument document = JsonDocument.Parse(lines.Line.ToArray());
                read = Parse(document.RootElement, ref field);
            }
            catch (Exception exception) when (exception is JsonException or KeyNotFoundException or FormatException
                or InvalidOperationException or OverflowException or ArgumentException)
            {
                throw new InvalidInputException(
                    source, string.Create(CultureInfo.InvariantCulture, $"line {lines.Number}, {field}"), "is not an event's", exception);
            }

            if (read.Elapsed < last)
            {
                throw new InvalidInputException(
                    source, string.Create(CultureInfo.InvariantCulture, $"line {lines.Number}, t"), "runs backwards");
            }

            last = read.Elapsed;
            yield return read;
        }

        if (problem is not null && lines.IsTooLong)
        {
            throw new InvalidInputException(source, string.Create(CultureInfo.InvariantCulture, $"line {lines.Number}"), problem);
        }
    }

    private static LoggedEvent Parse(JsonElement root, ref string field)
    {
        field = "t";
        TimeSpan elapsed = TimeSpan.FromTicks((long)(root.GetProperty("t").GetDecimal() * TimeSpan.TicksPerSecond));
        field = "event";
        switch (root.GetProperty("event").GetString())
        {
            case "map-gpa-range":
                field = "map-gpa-range";
                return new LoggedEvent.MapGpaRange(
                    elapsed,
                    root.GetProperty("vcpu").GetInt32(),
                    Hex(root.GetProperty("gpa")),
                    root.GetProperty("pages").GetUInt64(),
                    Hex(root.GetProperty("attributes")),
                    root.GetProperty("result").GetInt64());
            case "conversion":
                field = "conversion";
                return new LoggedEvent.Conversion(
                    elapsed, root.GetProperty("vcpu").GetInt32(), ParsePages(root), ParseState(root.GetProperty("state").GetString()));
            case "msr-write":
                field = "msr-write";
                return new LoggedEvent.MsrWrite(
                    elapsed, root.GetProperty("vcpu").GetInt32(), Hex(root.GetProperty("index")), Hex(root.GetProperty("value")));
            case "lifecycle":
                field = "lifecycle";
                string? detail = root.TryGetProperty("detail", out JsonElement words) ? words.GetString() : null;
                return new LoggedEvent.Lifecycle(elapsed, root.GetProperty("name").GetString() ?? "", detail);
            case "machine":
                field = "machine";
                return ParseMachine(root, elapsed);
            case "region":
                field = "region";
                return ParseRegion(root, elapsed);
            default:
                return new LoggedEvent.Other(elapsed);
        }
    }

    private static LoggedEvent.Machine ParseMachine(JsonElement root, TimeSpan elapsed)
    {
        string mode = root.GetProperty("mode").GetString() ?? "";
        int? cBit = root.TryGetProperty("cBit", out JsonElement bit) ? bit.GetInt32() : null;
        bool isTime = MapWords.TryParseTime(Bytes(root.GetProperty("time")), out DateTimeOffset time);
        HypercallAbi abi = root.GetProperty("hypercallAbi").GetString() switch
        {
            "map-gpa-range" => HypercallAbi.MapGpaRange,
            "page-enc-status" => HypercallAbi.PageEncStatus,
            _ => throw new FormatException("no such ABI"),
        };
        if (!isTime || !SharedRegionMapInfo.IsMode(mode) || (cBit is int value && !SharedRegionMapInfo.IsCBit(value)))
        {
            throw new FormatException("mode, C-bit or time is none");
        }

        return new LoggedEvent.Machine(elapsed, mode, cBit, root.GetProperty("memoryBytes").GetUInt64(), abi, time);
    }

    private static LoggedEvent.Region ParseRegion(JsonElement root, TimeSpan elapsed)
    {
        GpaRange range = ParsePages(root);
        string text = root.GetProperty("label").GetString() ?? "";
        bool isCertainty = MapWords.TryParseCertainty(Bytes(root.GetProperty("certainty")), out LabelCertainty certainty);
        return isCertainty
            ? new LoggedEvent.Region(elapsed, new LabelledRange(range, new RangeLabel(text, certainty)))
            : throw new FormatException("the certainty is none");
    }

    private static GpaRange ParsePages(JsonElement root)
    {
        ulong pages = root.GetProperty("pages").GetUInt64();
        ulong start = Hex(root.GetProperty("gpa"));
        const ulong MostPages = 1UL << (RamRanges.AddressBits - GuestPage.Shift);
        return GuestPage.IsAligned(start) && start < 1UL << RamRanges.AddressBits && pages is > 0 and <= MostPages
            ? new GpaRange(new Gpa(start), pages << GuestPage.Shift)
            : throw new FormatException("the range is none");
    }

    private static PageState ParseState(string? word) => word switch
    {
        "private" => PageState.Private,
        "shared" => PageState.Shared,
        _ => throw new FormatException("the state is none"),
    };

    private static ulong Hex(JsonElement element) =>
        MapWords.TryParseHex(Bytes(element), out ulong value) ? value : throw new FormatException("no address");

    private static byte[] Bytes(JsonElement element) => Encoding.UTF8.GetBytes(element.GetString() ?? "");
}
