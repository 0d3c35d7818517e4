using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>One range of RAM, cut into cells of equally many pages.</summary>
internal sealed class MapStrip
{
    private MapStrip(GpaRange range, ulong pagesPerCell, CellShade[] cells)
    {
        Range = range;
        PagesPerCell = pagesPerCell;
        Cells = cells;
    }

    /// <summary>The range.</summary>
    public GpaRange Range { get; }

    /// <summary>Pages that a cell stands for, a power of two; the last cell can have fewer.</summary>
    public ulong PagesPerCell { get; }

    /// <summary>The cells, in the order of addresses.</summary>
    public CellShade[] Cells { get; }

    /// <summary>Cuts the first ranges of a map's RAM into cells. One walk over the runs, whatever their number.</summary>
    /// <param name="map">The map.</param>
    /// <param name="mostCells">Cells of a range at most.</param>
    /// <param name="mostRanges">Ranges to cut at most.</param>
    public static IReadOnlyList<MapStrip> Cut(SharedRegionMap map, int mostCells, int mostRanges)
    {
        List<MapStrip> strips = [];
        CellCounts? counts = null;
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            if (counts is null || !counts.Range.Contains(run.Range))
            {
                if (strips.Count == mostRanges)
                {
                    break;
                }

                counts = new CellCounts(map.Ram[strips.Count], mostCells);
                strips.Add(new MapStrip(counts.Range, counts.PagesPerCell, new CellShade[counts.CellCount]));
            }

            counts.Count(run, strips[^1].Cells);
        }

        return strips;
    }

    /// <summary>Counts pages cell by cell, as the runs come.</summary>
    private sealed class CellCounts
    {
        private ulong _cell;
        private ulong _privatePages;
        private ulong _sharedPages;
        private ulong _unreportedPages;

        public CellCounts(GpaRange range, int mostCells)
        {
            Range = range;
            PagesPerCell = 1;
            while ((range.PageCount + PagesPerCell - 1) / PagesPerCell > (ulong)mostCells)
            {
                PagesPerCell *= 2;
            }

            CellCount = (range.PageCount + PagesPerCell - 1) / PagesPerCell;
        }

        public GpaRange Range { get; }

        public ulong PagesPerCell { get; }

        public ulong CellCount { get; }

        public void Count(SharedRegionRun run, CellShade[] cells)
        {
            ulong page = (run.Range.Start.Value - Range.Start.Value) >> GuestPage.Shift;
            ulong end = page + run.Range.PageCount;
            while (page < end)
            {
                ulong cell = page / PagesPerCell;
                if (cell != _cell)
                {
                    (_cell, _privatePages, _sharedPages, _unreportedPages) = (cell, 0, 0, 0);
                }

                ulong next = Math.Min(end, (cell + 1) * PagesPerCell);
                _privatePages += run.State == PageState.Private ? next - page : 0;
                _sharedPages += run.State == PageState.Shared ? next - page : 0;
                _unreportedPages += run.State == PageState.Unreported ? next - page : 0;
                cells[cell] = Shade();
                page = next;
            }
        }

        private CellShade Shade()
        {
            if (_sharedPages > 0)
            {
                return _privatePages + _unreportedPages == 0 ? CellShade.Shared : CellShade.PartlyShared;
            }

            return _unreportedPages > _privatePages ? CellShade.Unreported : CellShade.Private;
        }
    }
}
