namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a file says of a map beside its runs, checked field by field but for the totals.</summary>
/// <param name="Info">Mode, C-bit and the like.</param>
/// <param name="Ram">The guest's RAM.</param>
/// <param name="Totals">Pages by state, as the file says.</param>
internal sealed record SharedRegionMapHeader(SharedRegionMapInfo Info, RamRanges Ram, PageTotals Totals)
{
    /// <summary>Compares the totals with what the runs add up to.</summary>
    /// <param name="counted">What they add up to.</param>
    /// <param name="runsField">What the file calls its runs.</param>
    /// <param name="source">The file.</param>
    /// <exception cref="InvalidInputException">They differ.</exception>
    public void CheckTotals(PageTotals counted, string runsField, string source)
    {
        Check("totals.privatePages", Totals.PrivatePages, counted.PrivatePages, runsField, source);
        Check("totals.sharedPages", Totals.SharedPages, counted.SharedPages, runsField, source);
        Check("totals.unreportedPages", Totals.UnreportedPages, counted.UnreportedPages, runsField, source);
    }

    private static void Check(string field, ulong stated, ulong counted, string runsField, string source)
    {
        if (stated != counted)
        {
            throw new InvalidInputException(source, field, $"says {stated}, but the {runsField} hold {counted}");
        }
    }
}
