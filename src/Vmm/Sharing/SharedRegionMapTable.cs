using System.Globalization;
using System.Text;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A map for people: a table of at most 80 columns, ASCII only, without colour.</summary>
public static class SharedRegionMapTable
{
    /// <summary>Longest line, in characters.</summary>
    public const int Width = 80;

    private const int SizeWidth = 8;
    private const int StateWidth = 10;

    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Writes a map, in constant memory.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output)
    {
        using StreamWriter writer = new(output, Encoding.ASCII, leaveOpen: true) { NewLine = "\n" };
        WriteSummary(map, writer);
        writer.WriteLine();
        _ = WriteRuns(map, writer, int.MaxValue);
    }

    /// <summary>Writes the runs.</summary>
    /// <param name="map">The map.</param>
    /// <param name="writer">Where to.</param>
    /// <param name="limit">Most runs to write.</param>
    /// <returns>Whether these were all.</returns>
    internal static bool WriteRuns(SharedRegionMap map, StreamWriter writer, int limit)
    {
        // No run has a longer address or more pages than the last range of RAM, so the columns are known before the runs are.
        int addressWidth = Math.Max("start".Length, map.Ram[^1].End.ToString().Length);
        ulong mostPages = map.Ram.Max(static range => range.PageCount);
        int pagesWidth = Math.Max("pages".Length, mostPages.ToString(CultureInfo.InvariantCulture).Length);
        int labelWidth = Width - (2 * (addressWidth + 1)) - (pagesWidth + 1) - (SizeWidth + 1) - (StateWidth + 1);
        int written = 0;
        WriteLine("start", "end", "pages", "size", "state", "label");
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            if (written++ == limit)
            {
                return false;
            }

            WriteLine(
                run.Range.Start.ToString(),
                run.Range.End.ToString(),
                run.Range.PageCount.ToString(CultureInfo.InvariantCulture),
                Size(run.Range.Length),
                MapWords.Of(run.State),
                run.Label is { } label ? Words(label, labelWidth) : "");
        }

        return true;

        void WriteLine(string start, string end, string pages, string size, string state, string label)
        {
            string line = start.PadRight(addressWidth) + ' ' + end.PadRight(addressWidth) + ' ' + pages.PadLeft(pagesWidth) + ' '
                + size.PadLeft(SizeWidth) + ' ' + state.PadRight(StateWidth) + ' ' + label;
            writer.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>An amount of memory in the largest unit that leaves at least 1: <c>640 KiB</c>, <c>127.7 MiB</c>.</summary>
    /// <param name="bytes">Bytes.</param>
    internal static string Size(ulong bytes)
    {
        ulong unit = 1024;
        int index = 0;
        while (index + 1 < Units.Length && bytes >= unit * 1024)
        {
            unit *= 1024;
            index++;
        }

        // Rounded down: a run is never shown larger than it is.
        ulong tenths = (ulong)((UInt128)bytes * 10 / unit);
        return tenths % 10 == 0 && bytes % unit == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{tenths / 10} {Units[index]}")
            : string.Create(CultureInfo.InvariantCulture, $"{tenths / 10}.{tenths % 10} {Units[index]}");
    }

    /// <summary>Writes what the map says beside its runs.</summary>
    internal static void WriteSummary(SharedRegionMap map, StreamWriter writer)
    {
        string cBit = map.CBit is int bit ? string.Create(CultureInfo.InvariantCulture, $", C-bit {bit}") : "";
        writer.WriteLine($"Encryption map: mode {map.Mode}{cBit}, memory {Size(map.MemoryBytes)}");
        if (map.Mode == "simulated")
        {
            writer.WriteLine("Simulated: nothing is encrypted and nothing is confidential.");
        }

        writer.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"Captured {MapWords.Of(map.CapturedAt)} after {map.Generation} accepted calls"));
        writer.WriteLine(map.MigrationReady ? "The guest says that it is ready to migrate." : "The guest has not said that it is ready.");
        Total("private", map.Totals.PrivatePages);
        Total("shared", map.Totals.SharedPages);
        Total("unreported", map.Totals.UnreportedPages);

        void Total(string state, ulong pages) =>
            writer.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{state,-10} {pages,13} pages {Size(pages << GuestPage.Shift),10}"));
    }

    /// <summary>A text in ASCII, cut to fit.</summary>
    internal static string Ascii(string text, int width)
    {
        StringBuilder words = new();
        foreach (Rune rune in text.EnumerateRunes())
        {
            _ = words.Append(rune.IsAscii ? (char)rune.Value : '?');
        }

        if (words.Length > width)
        {
            words.Length = width - 1;
            _ = words.Append('~');
        }

        return words.ToString();
    }

    /// <summary>A label in ASCII, its text cut to fit; the certainty is never cut.</summary>
    private static string Words(RangeLabel label, int width)
    {
        string certainty = label.Certainty == LabelCertainty.Exact ? "" : $" ({MapWords.Of(label.Certainty)})";
        return Ascii(label.Text, width - certainty.Length) + certainty;
    }
}
