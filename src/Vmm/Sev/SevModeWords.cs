namespace KvmSevVmm.Vmm.Sev;

/// <summary>The words for <see cref="SevMode"/>, the same on the command line, in maps, results and messages.</summary>
public static class SevModeWords
{
    /// <summary>The mode as one word: <c>none</c>, <c>simulated</c>, <c>sev</c>, <c>sev-es</c>, <c>sev-snp</c>.</summary>
    /// <param name="mode">The mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    public static string ToWord(this SevMode mode) => mode switch
    {
        SevMode.None => "none",
        SevMode.Simulated => "simulated",
        SevMode.Sev => "sev",
        SevMode.SevEs => "sev-es",
        SevMode.SevSnp => "sev-snp",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "There is no such mode."),
    };
}
