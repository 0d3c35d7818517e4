using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>One step of a guest's history: conversions to one state for one purpose, or something said in words.</summary>
/// <param name="First">Time of its first event.</param>
/// <param name="Last">Time of its last event.</param>
public abstract record TimelineStep(TimeSpan First, TimeSpan Last)
{
    /// <summary>Conversions that belong together.</summary>
    /// <param name="First">Time of the first.</param>
    /// <param name="Last">Time of the last.</param>
    /// <param name="Calls">How many.</param>
    /// <param name="Pages">Pages that they were about; a page counts as often as it was converted.</param>
    /// <param name="State">The state that they led to.</param>
    /// <param name="Range">From the lowest to the highest address; what lies between need not all be converted.</param>
    /// <param name="Label">What for, where that is known.</param>
    public sealed record Conversions(
        TimeSpan First, TimeSpan Last, ulong Calls, ulong Pages, PageState State, GpaRange Range, RangeLabel? Label)
        : TimelineStep(First, Last);

    /// <summary>Calls that were refused.</summary>
    /// <param name="First">Time of the first.</param>
    /// <param name="Last">Time of the last.</param>
    /// <param name="Calls">How many.</param>
    public sealed record Refusals(TimeSpan First, TimeSpan Last, ulong Calls) : TimelineStep(First, Last);

    /// <summary>A step of the machine's or of the guest's.</summary>
    /// <param name="At">When.</param>
    /// <param name="Text">One clause.</param>
    public sealed record Words(TimeSpan At, string Text) : TimelineStep(At, At);
}
