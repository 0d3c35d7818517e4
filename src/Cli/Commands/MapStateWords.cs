using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The words for page states in the output of <c>map diff</c> and <c>map at</c>, the same as in map files.</summary>
internal static class MapStateWords
{
    /// <summary>The word for a state, <c>-</c> for a page that is not RAM.</summary>
    /// <param name="state">The state, or null outside RAM.</param>
    internal static string WordFor(PageState? state) => state switch
    {
        null => "-",
        PageState.Private => "private",
        PageState.Shared => "shared",
        PageState.Unreported => "unreported",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "There is no such state."),
    };

    /// <summary>The word for a certainty.</summary>
    /// <param name="certainty">The certainty.</param>
    internal static string WordFor(LabelCertainty certainty) => certainty switch
    {
        LabelCertainty.Exact => "exact",
        LabelCertainty.Likely => "likely",
        _ => "unknown",
    };
}
