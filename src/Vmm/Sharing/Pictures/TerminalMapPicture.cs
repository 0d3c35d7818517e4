using System.Globalization;
using System.Text;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>A map as a picture of 80 columns for a terminal: strips of half blocks, totals, labels, runs. Its shapes carry it without
/// colour.</summary>
public static class TerminalMapPicture
{
    private const int Columns = 64;
    private const int MostRows = 8;
    private const int MostStrips = 8;
    private const int MostRuns = 24;
    private const int AddressWidth = 14;
    private const int KindWidth = 29;
    private const string Reset = "\u001b[0m";

    // Okabe and Ito's blue and orange, as near as 256 colours come to them, and a grey.
    private static readonly int[] Colors = [240, 25, 172, 214];

    /// <summary>Writes the picture.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <param name="useColor">Whether escape sequences for 256 colours may be written.</param>
    /// <param name="useUnicode">Whether half blocks may be written; else letters, in ASCII.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output, bool useColor, bool useUnicode)
    {
        using StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        SharedRegionMapTable.WriteSummary(map, writer);
        foreach (MapStrip strip in MapStrip.Cut(map, 2 * Columns * MostRows, MostStrips))
        {
            writer.WriteLine();
            WriteStrip(strip, writer, useColor, useUnicode);
        }

        if (map.Ram.Count > MostStrips)
        {
            string more = (map.Ram.Count - MostStrips).ToString(CultureInfo.InvariantCulture);
            writer.WriteLine($"[{more} more ranges of RAM are not drawn]");
        }

        writer.WriteLine();
        WriteLegend(writer, useColor, useUnicode);
        WriteKinds(map, writer);
        writer.WriteLine();
        if (!SharedRegionMapTable.WriteRuns(map, writer, MostRuns))
        {
            writer.WriteLine("[more runs; 'map show FILE --format table' lists all of them]");
        }
    }

    private static void WriteStrip(MapStrip strip, StreamWriter writer, bool useColor, bool useUnicode)
    {
        string cell = SharedRegionMapTable.Size(strip.PagesPerCell << GuestPage.Shift);
        string how = useUnicode ? $"half a character = {cell}, upper half first" : $"a character = {cell}";
        writer.WriteLine($"{strip.Range.Start} to {strip.Range.End}, {SharedRegionMapTable.Size(strip.Range.Length)}: {how}");
        int step = useUnicode ? 2 : 1;
        for (int row = 0; row < strip.Cells.Length; row += Columns * step)
        {
            ulong address = strip.Range.Start.Value + (((ulong)row * strip.PagesPerCell) << GuestPage.Shift);
            StringBuilder line = new(MapWords.Hex(address).PadRight(AddressWidth));
            string colors = "";
            for (int i = row; i < Math.Min(row + (Columns * step), strip.Cells.Length); i += step)
            {
                CellShade upper = strip.Cells[i];
                CellShade lower = i + 1 < strip.Cells.Length ? strip.Cells[i + 1] : upper;
                (char glyph, CellShade front, CellShade back) = useUnicode ? HalfBlock(upper, lower) : (Letter(upper), upper, upper);
                if (useColor && ColorsOf(front, back) is string wanted && wanted != colors)
                {
                    _ = line.Append(colors = wanted);
                }

                _ = line.Append(glyph);
            }

            writer.WriteLine(line.Append(colors.Length > 0 ? Reset : "").ToString());
        }
    }

    /// <summary>The character for two cells, and which of them its ink and its ground stand for.</summary>
    private static (char Glyph, CellShade Front, CellShade Back) HalfBlock(CellShade upper, CellShade lower) => (upper, lower) switch
    {
        (CellShade.Shared, CellShade.Shared) => ('\u2588', upper, lower),
        (CellShade.Shared, not CellShade.PartlyShared) => ('\u2580', upper, lower),
        (not CellShade.PartlyShared, CellShade.Shared) => ('\u2584', lower, upper),
        (CellShade.Shared, _) or (_, CellShade.Shared) => ('\u2593', CellShade.Shared, CellShade.PartlyShared),
        (CellShade.PartlyShared, _) => ('\u2592', upper, lower),
        (_, CellShade.PartlyShared) => ('\u2592', lower, upper),
        (CellShade.Unreported, CellShade.Unreported) => ('?', CellShade.Private, CellShade.Unreported),
        _ => ('\u00b7', CellShade.Unreported, CellShade.Private),
    };

    private static char Letter(CellShade shade) => shade switch
    {
        CellShade.Shared => 'S',
        CellShade.PartlyShared => 's',
        CellShade.Private => '.',
        _ => '?',
    };

    private static string ColorsOf(CellShade front, CellShade back) =>
        front == back && front is CellShade.Private or CellShade.Unreported
            ? string.Create(CultureInfo.InvariantCulture, $"\u001b[38;5;250;48;5;{Colors[(int)back]}m")
            : string.Create(CultureInfo.InvariantCulture, $"\u001b[38;5;{Ink(front)};48;5;{Colors[(int)back]}m");

    private static int Ink(CellShade front) => front is CellShade.Private or CellShade.Unreported ? 250 : Colors[(int)front];

    private static void WriteLegend(StreamWriter writer, bool useColor, bool useUnicode)
    {
        (string Glyphs, string Words, CellShade Front, CellShade Back)[] entries = useUnicode
            ?
            [
                ("\u2588\u2580\u2584", "shared", CellShade.Shared, CellShade.Private),
                ("\u2593\u2592", "partly shared", CellShade.PartlyShared, CellShade.Private),
                ("\u00b7\u00b7", "private", CellShade.Unreported, CellShade.Private),
                ("??", "unreported", CellShade.Private, CellShade.Unreported),
            ]
            :
            [
                ("S", "shared", CellShade.Shared, CellShade.Shared),
                ("s", "partly shared", CellShade.PartlyShared, CellShade.PartlyShared),
                (".", "private", CellShade.Private, CellShade.Private),
                ("?", "unreported", CellShade.Unreported, CellShade.Unreported),
            ];
        writer.WriteLine(string.Join("   ", entries.Select(entry =>
            (useColor ? ColorsOf(entry.Front, entry.Back) + entry.Glyphs + Reset : entry.Glyphs) + ' ' + entry.Words)));
    }

    private static void WriteKinds(SharedRegionMap map, StreamWriter writer)
    {
        if (map.Labels.Count == 0)
        {
            return;
        }

        const int MostListed = 24;
        IReadOnlyList<KindTotal> kinds = KindTotal.Of(map);
        writer.WriteLine();
        writer.WriteLine($"{"label",-KindWidth} {"certainty",-9} {"shared",10} {"private",10} {"unreported",10} {"runs",6}");
        foreach (KindTotal kind in kinds.OrderByDescending(static kind => kind.Pages.SharedPages).Take(MostListed))
        {
            string certainty = kind.Kind is null ? "" : MapWords.Of(kind.Certainty);
            string name = SharedRegionMapTable.Ascii(kind.Kind ?? "(none)", KindWidth);
            writer.WriteLine(
                $"{name,-KindWidth} {certainty,-9} {Size(kind.Pages.SharedPages),10} "
                + $"{Size(kind.Pages.PrivatePages),10} {Size(kind.Pages.UnreportedPages),10} "
                + kind.Runs.ToString(CultureInfo.InvariantCulture).PadLeft(6));
        }

        if (kinds.Count > MostListed)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{kinds.Count - MostListed} more labels]"));
        }
    }

    private static string Size(ulong pages) => pages == 0 ? "-" : SharedRegionMapTable.Size(pages << GuestPage.Shift);
}
