namespace KvmSevVmm.Vmm.Sharing;

/// <summary>An immutable assignment of a state to each 4 KiB frame: what a map stands on.</summary>
internal abstract class PageStates
{
    /// <summary>The state of one frame.</summary>
    /// <param name="frame">Frame number: GPA divided by 4096.</param>
    public abstract PageState Get(ulong frame);

    /// <summary>Makes a cursor that finds runs; it belongs to one thread.</summary>
    public abstract PageRunCursor OpenCursor();
}
