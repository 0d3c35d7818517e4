namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Finds runs of frames in the same state. Fast when it is asked for ascending frames, right for any.</summary>
internal abstract class PageRunCursor
{
    /// <summary>Finds where the run that <paramref name="frame"/> is in ends.</summary>
    /// <param name="frame">Frame number: GPA divided by 4096.</param>
    /// <param name="limit">First frame that is of no interest, above <paramref name="frame"/>.</param>
    /// <param name="state">State of the run.</param>
    /// <returns>First frame behind the run, at most <paramref name="limit"/>.</returns>
    public abstract ulong FindRunEnd(ulong frame, ulong limit, out PageState state);
}
