using System.Globalization;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>A map as a PNG image: a strip for each range of RAM, in rows. Blue is private, orange shared, light orange partly shared,
/// grey unreported.</summary>
public static class PngMapPicture
{
    private const int CellsPerRow = 256;
    private const int CellPixels = 4;
    private const int RowPixels = 10;
    private const int GapPixels = 2;
    private const int StripGapPixels = 14;
    private const int MarginPixels = 16;
    private const int MostCells = CellsPerRow * 48;
    private const int MostStrips = 16;
    private const int Width = (2 * MarginPixels) + (CellsPerRow * CellPixels);
    private const byte Ground = 4;

    /// <summary>Writes the picture.</summary>
    /// <param name="map">The map.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <exception cref="IOException">The output failed.</exception>
    public static void Write(SharedRegionMap map, Stream output)
    {
        IReadOnlyList<MapStrip> strips = MapStrip.Cut(map, MostCells, MostStrips);
        List<byte[]> rows = [];
        byte[] empty = Filled();
        Repeat(empty, MarginPixels);
        foreach (MapStrip strip in strips)
        {
            for (int first = 0; first < strip.Cells.Length; first += CellsPerRow)
            {
                byte[] row = Filled();
                for (int i = first; i < Math.Min(first + CellsPerRow, strip.Cells.Length); i++)
                {
                    row.AsSpan(MarginPixels + ((i - first) * CellPixels), CellPixels).Fill((byte)strip.Cells[i]);
                }

                Repeat(row, RowPixels);
                Repeat(empty, GapPixels);
            }

            Repeat(empty, StripGapPixels);
        }

        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"kvmsev encryption map, mode {map.Mode}, captured {MapWords.Of(map.CapturedAt)}: blue private, orange shared, "
            + $"light orange partly shared, grey unreported");
        ReadOnlySpan<int> palette = [Palette.Unreported, Palette.Private, Palette.PartlyShared, Palette.Shared, Palette.Ground];
        IndexedPng.Write(output, Width, rows, rows.Count, palette, text);

        void Repeat(byte[] row, int times)
        {
            for (int i = 0; i < times; i++)
            {
                rows.Add(row);
            }
        }
    }

    private static byte[] Filled()
    {
        byte[] row = new byte[Width];
        Array.Fill(row, Ground);
        return row;
    }
}
