using System.Reflection;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>
/// A map as one self-contained HTML page: a strip and a Hilbert curve, search, labels, and a slider over the conversions.
/// </summary>
/// <remarks>
/// The page asks nobody for anything; its policy forbids it. Its data are three lists of numbers (see <see cref="PackedText"/>): the runs
/// before the first event (length × 4 + state, range of RAM after range), the labels (gap, length, index), the events (microseconds since
/// the last, vCPU + 1, distance of the first frame from the last one's, pages × 4 + state).
/// </remarks>
public static class HtmlMapPage
{
    /// <summary>Most events that a page holds; of a longer history, the last ones.</summary>
    public const int MostEvents = 200_000;

    private const string Template = "map.html";

    /// <summary>Writes the page of a map without a history.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output) => Write(map, map, [], 0, output);

    /// <summary>Writes the page of a map and how it came to be.</summary>
    /// <param name="map">The map at the end; it has the labels.</param>
    /// <param name="before">The map before the first event.</param>
    /// <param name="events">The events from there to the end, at most <see cref="MostEvents"/>.</param>
    /// <param name="skipped">Events before <paramref name="before"/> that the page does not hold.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, SharedRegionMap before, IEnumerable<PageEvent> events, ulong skipped, Stream output)
    {
        string template = ReadTemplate();
        List<RangeLabel> kinds = [.. map.Labels.Select(static label => label.Label).Distinct().Take(KindTotal.MostKinds)];
        int at = 0;
        Until("@META@");
        output.Write(Meta(map, kinds, skipped));
        Until("@RUNS@");
        WriteRuns(before, output);
        Until("@LABELS@");
        WriteLabels(map, kinds, output);
        Until("@EVENTS@");
        WriteEvents(events, output);
        output.Write(Encoding.UTF8.GetBytes(template[at..]));

        void Until(string mark)
        {
            int end = template.IndexOf(mark, at, StringComparison.Ordinal);
            output.Write(Encoding.UTF8.GetBytes(template[at..end]));
            at = end + mark.Length;
        }
    }

    private static string ReadTemplate()
    {
        using Stream resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(Template)
            ?? throw new InvalidOperationException("the page's template is not in the assembly");
        using StreamReader reader = new(resource, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    // The default encoder escapes < and &, so nothing of it can end the script element that it stands in.
    private static byte[] Meta(SharedRegionMap map, List<RangeLabel> kinds, ulong skipped)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("mode"u8, map.Mode);
            if (map.CBit is int bit)
            {
                json.WriteNumber("cBit"u8, bit);
            }

            json.WriteString("memory"u8, SharedRegionMapTable.Size(map.MemoryBytes));
            json.WriteNumber("generation"u8, map.Generation);
            json.WriteString("capturedAt"u8, MapWords.Of(map.CapturedAt));
            json.WriteBoolean("migrationReady"u8, map.MigrationReady);
            json.WriteNumber("skipped"u8, skipped);
            json.WriteStartArray("ram"u8);
            foreach (GpaRange range in map.Ram)
            {
                json.WriteStartArray();
                json.WriteNumberValue(range.Start.Value >> GuestPage.Shift);
                json.WriteNumberValue(range.PageCount);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteStartArray("kinds"u8);
            foreach (RangeLabel kind in kinds)
            {
                json.WriteStartArray();
                json.WriteStringValue(kind.Text);
                json.WriteStringValue(MapWords.Of(kind.Certainty));
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteRuns(SharedRegionMap map, Stream output)
    {
        using PackedText text = new(output);
        ulong length = 0;
        PageState state = PageState.Unreported;
        Gpa end = default;
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            // Labels end runs too; here they are a list of their own.
            if (length > 0 && (run.State != state || run.Range.Start != end))
            {
                text.Add((length << 2) | (uint)state);
                length = 0;
            }

            length += run.Range.PageCount;
            (state, end) = (run.State, run.Range.End);
        }

        text.Add((length << 2) | (uint)state);
    }

    private static void WriteLabels(SharedRegionMap map, List<RangeLabel> kinds, Stream output)
    {
        using PackedText text = new(output);
        Dictionary<RangeLabel, int> indices = kinds.Select(static (kind, index) => (kind, index)).ToDictionary();
        ulong last = 0;
        foreach (LabelledRange label in map.Labels)
        {
            if (indices.TryGetValue(label.Label, out int index))
            {
                ulong frame = label.Range.Start.Value >> GuestPage.Shift;
                text.Add(frame - last);
                text.Add(label.Range.PageCount);
                text.Add((ulong)index);
                last = frame + label.Range.PageCount;
            }
        }
    }

    private static void WriteEvents(IEnumerable<PageEvent> events, Stream output)
    {
        using PackedText text = new(output);
        long lastMicroseconds = 0;
        ulong lastFrame = 0;
        foreach (PageEvent call in events)
        {
            long microseconds = call.Elapsed.Ticks / TimeSpan.TicksPerMicrosecond;
            ulong frame = call.Range.Start.Value >> GuestPage.Shift;
            text.Add((ulong)(microseconds - lastMicroseconds));
            text.Add((ulong)(call.Vcpu + 1));
            text.AddSigned((long)(frame - lastFrame));
            text.Add((call.Range.PageCount << 2) | (uint)call.State);
            (lastMicroseconds, lastFrame) = (microseconds, frame);
        }
    }
}
