using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>
/// A map as an SVG image: strips with addresses, a legend, the labels; light and dark. Pointing at a strip tells the range.
/// </summary>
public static class SvgMapPicture
{
    private const int CellsPerRow = 256;
    private const int CellWidth = 3;
    private const int RowHeight = 12;
    private const int RowStep = 16;
    private const int Left = 130;
    private const int Width = Left + (CellsPerRow * CellWidth) + 20;
    private const int MostCells = CellsPerRow * 32;
    private const int MostStrips = 16;
    private const int MostKinds = 40;

    private static readonly string[] Classes = ["u", "p", "m", "s"];

    /// <summary>Writes the picture.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output)
    {
        IReadOnlyList<MapStrip> strips = MapStrip.Cut(map, MostCells, MostStrips);
        IReadOnlyList<KindTotal> kinds = map.Labels.Count == 0
            ? []
            : [.. KindTotal.Of(map).OrderByDescending(static kind => kind.Pages.SharedPages)];
        int listed = Math.Min(kinds.Count, MostKinds);
        int height = 110 + strips.Sum(static strip => 34 + (Rows(strip) * RowStep)) + (listed == 0 ? 0 : 30 + (listed * 18));
        using StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        WriteHead(map, writer, height);
        int y = 110;
        foreach (MapStrip strip in strips)
        {
            Text(
                writer,
                16,
                y,
                $"{strip.Range.Start} to {strip.Range.End}, {SharedRegionMapTable.Size(strip.Range.Length)}; a cell is "
                + SharedRegionMapTable.Size(strip.PagesPerCell << GuestPage.Shift));
            y += 10;
            for (int row = 0; row < Rows(strip); row++)
            {
                WriteRow(strip, row, y, writer);
                y += RowStep;
            }

            y += 24;
        }

        WriteKinds(kinds, listed, y, writer);
        writer.WriteLine("</svg>");
    }

    private static int Rows(MapStrip strip) => (strip.Cells.Length + CellsPerRow - 1) / CellsPerRow;

    private static void WriteHead(SharedRegionMap map, StreamWriter writer, int height)
    {
        string title = $"Encryption map, mode {map.Mode}, {SharedRegionMapTable.Size(map.MemoryBytes)}";
        writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" width=\"{Width}\" height=\"{height}\" ")
            + "role=\"img\">");
        writer.WriteLine($"<title>{title}</title>");
        writer.WriteLine("""
            <style>
            svg{background:#fff;color:#1a1a1a;font:13px ui-sans-serif,system-ui,sans-serif}
            text{fill:currentColor}.a{font:11px ui-monospace,monospace}
            .p{fill:#0072b2}.s{fill:#d55e00}.m{fill:#f0b35a}.u{fill:#b0b0b0}
            @media(prefers-color-scheme:dark){svg{background:#14171a;color:#e6e6e6}
            .p{fill:#1f5f94}.s{fill:#ff8a3d}.m{fill:#c9924a}.u{fill:#565b60}}
            </style>
            """);
        writer.WriteLine($"<text x=\"16\" y=\"26\" style=\"font-size:17px;font-weight:600\">{title}</text>");
        string simulated = map.Mode == "simulated" ? "Simulated: nothing is encrypted and nothing is confidential. " : "";
        string calls = map.Generation.ToString(CultureInfo.InvariantCulture);
        Text(writer, 16, 46, $"{simulated}Captured {MapWords.Of(map.CapturedAt)} after {calls} accepted calls.");
        int x = 16;
        foreach ((string style, string words, ulong pages) in new[]
        {
            ("s", "shared", map.Totals.SharedPages),
            ("p", "private", map.Totals.PrivatePages),
            ("u", "unreported", map.Totals.UnreportedPages),
        })
        {
            Rect(writer, style, x, 60, 14, 14);
            Text(writer, x + 20, 72, $"{words} {SharedRegionMapTable.Size(pages << GuestPage.Shift)}");
            x += 190;
        }

        Rect(writer, "m", x, 60, 14, 14);
        Text(writer, x + 20, 72, "partly shared");
    }

    private static void WriteRow(MapStrip strip, int row, int y, StreamWriter writer)
    {
        int first = row * CellsPerRow;
        int behind = Math.Min(first + CellsPerRow, strip.Cells.Length);
        ulong cellBytes = strip.PagesPerCell << GuestPage.Shift;
        Text(writer, 16, y + 10, MapWords.Hex(strip.Range.Start.Value + ((ulong)first * cellBytes)), "a");
        for (int start = first; start < behind;)
        {
            int end = start + 1;
            while (end < behind && strip.Cells[end] == strip.Cells[start])
            {
                end++;
            }

            ulong from = strip.Range.Start.Value + ((ulong)start * cellBytes);
            ulong to = Math.Min(strip.Range.End.Value, strip.Range.Start.Value + ((ulong)end * cellBytes));
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"<rect class=\"{Classes[(int)strip.Cells[start]]}\" x=\"{Left + ((start - first) * CellWidth)}\" y=\"{y}\" "
                + $"width=\"{(end - start) * CellWidth}\" height=\"{RowHeight}\">")
                + $"<title>{MapWords.Hex(from)} to {MapWords.Hex(to)}</title></rect>");
            start = end;
        }
    }

    private static void WriteKinds(IReadOnlyList<KindTotal> kinds, int listed, int y, StreamWriter writer)
    {
        if (listed == 0)
        {
            return;
        }

        Text(writer, 16, y, "Labels");
        foreach (KindTotal kind in kinds.Take(listed))
        {
            y += 18;
            string certainty = kind.Kind is null ? "" : $" ({MapWords.Of(kind.Certainty)})";
            Text(writer, 16, y, (kind.Kind ?? "(none)") + certainty);
            Text(writer, 420, y, Of("shared", kind.Pages.SharedPages));
            Text(writer, 580, y, Of("private", kind.Pages.PrivatePages));
            Text(writer, 740, y, Of("unreported", kind.Pages.UnreportedPages));
        }

        static string Of(string state, ulong pages) => pages == 0 ? "" : $"{state} {SharedRegionMapTable.Size(pages << GuestPage.Shift)}";
    }

    private static void Rect(StreamWriter writer, string style, int x, int y, int width, int height) => writer.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"));

    private static void Text(StreamWriter writer, int x, int y, string text, string? style = null)
    {
        if (text.Length > 0)
        {
            string named = style is null ? "" : $" class=\"{style}\"";
            string place = string.Create(CultureInfo.InvariantCulture, $"x=\"{x}\" y=\"{y}\"");
            writer.WriteLine($"<text {place}{named}>{HtmlEncoder.Default.Encode(text)}</text>");
        }
    }
}
