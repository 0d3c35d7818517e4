using System.Globalization;
using System.Text.Json;

namespace KvmSevVmm.TestSupport.Sharing;

/// <summary>Reads event logs with nothing of the monitor's code: JSON documents, one a line.</summary>
public static class EventLogReader
{
    /// <summary>Reads the hypercalls of a log file, in order; other events are skipped.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">A line is not an event, or time runs backwards.</exception>
    public static IReadOnlyList<MapGpaRangeEvent> ReadMapGpaRangeCalls(string path) => ReadMapGpaRangeCalls(File.ReadLines(path));

    /// <summary>Reads the hypercalls out of the lines of a log, in order; other events are skipped.</summary>
    /// <param name="lines">The lines.</param>
    /// <exception cref="InvalidDataException">A line is not an event, or time runs backwards.</exception>
    public static IReadOnlyList<MapGpaRangeEvent> ReadMapGpaRangeCalls(IEnumerable<string> lines)
    {
        List<MapGpaRangeEvent> calls = [];
        decimal last = 0;
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                JsonElement root = document.RootElement;
                decimal seconds = root.GetProperty("t").GetDecimal();
                if (seconds < last)
                {
                    throw new InvalidDataException($"line {number}: time runs backwards");
                }

                last = seconds;
                if (root.GetProperty("event").GetString() == "map-gpa-range")
                {
                    calls.Add(new MapGpaRangeEvent(
                        seconds,
                        root.GetProperty("vcpu").GetInt32(),
                        Hex(root.GetProperty("gpa")),
                        root.GetProperty("pages").GetUInt64(),
                        Hex(root.GetProperty("attributes")),
                        root.GetProperty("result").GetInt64()));
                }
            }
            catch (Exception exception)
                when (exception is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
            {
                throw new InvalidDataException($"line {number} is not an event: {line}", exception);
            }
        }

        return calls;
    }

    /// <summary>Reads an address as the project writes it.</summary>
    /// <param name="element">A string like <c>0x1f000</c>.</param>
    public static ulong Hex(JsonElement element)
    {
        string text = element.GetString() ?? "";
        return text.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : throw new FormatException($"'{text}' is not an address");
    }
}
