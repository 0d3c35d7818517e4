namespace KvmSevVmm.Vmm.Sharing;

/// <summary>By how many pages two totals changed.</summary>
/// <param name="Private">More private pages than before; negative for fewer.</param>
/// <param name="Shared">More shared pages than before; negative for fewer.</param>
internal readonly record struct PageCountChange(long Private, long Shared)
{
    /// <summary>Both changes, one after the other.</summary>
    public static PageCountChange operator +(PageCountChange left, PageCountChange right) =>
        new(left.Private + right.Private, left.Shared + right.Shared);

    /// <summary>The change from nothing to <paramref name="pages"/> pages in <paramref name="state"/>.</summary>
    public static PageCountChange Of(PageState state, long pages) =>
        new(state == PageState.Private ? pages : 0, state == PageState.Shared ? pages : 0);
}
