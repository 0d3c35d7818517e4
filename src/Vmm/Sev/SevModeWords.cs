namespace KvmSevVmm.Vmm.Sev;

/// <summary>The words for <see cref="SevMode"/>, the same in options, results, maps and messages.</summary>
public static class SevModeWords
{
    /// <summary>The mode as one word: <c>none</c>, <c>simulated</c>, <c>sev</c>, <c>sev-es</c> or <c>sev-snp</c>.</summary>
    /// <param name="mode">The mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    public static string WordFor(SevMode mode) => mode switch
    {
        SevMode.None => "none",
        SevMode.Simulated => "simulated",
        SevMode.Sev => "sev",
        SevMode.SevEs => "sev-es",
        SevMode.SevSnp => "sev-snp",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "There is no such mode."),
    };

    /// <summary>What the mode protects, as one clause that can stand beside any report.</summary>
    /// <param name="mode">The mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    public static string ProtectionFor(SevMode mode) => mode switch
    {
        SevMode.None => "none: an ordinary virtual machine",
        SevMode.Simulated => "none: SEV is simulated by a C-bit alias, nothing is encrypted and nothing is confidential",
        SevMode.Sev => "AMD SEV: memory is encrypted, registers are not",
        SevMode.SevEs => "AMD SEV-ES: memory and registers are encrypted",
        SevMode.SevSnp => "AMD SEV-SNP: memory and registers are encrypted, memory has integrity",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "There is no such mode."),
    };
}
