namespace KvmSevVmm.Sev.Attestation;

/// <summary>The version of the SEV-SNP firmware. Versions compare by major, minor, build.</summary>
/// <param name="Major">Major version of the SNP ABI.</param>
/// <param name="Minor">Minor version of the SNP ABI.</param>
/// <param name="Build">Build number.</param>
public readonly record struct SnpFirmwareVersion(byte Major, byte Minor, byte Build)
{
    /// <summary>True when this is that version or a later one.</summary>
    /// <param name="minimum">The minimum.</param>
    public bool IsAtLeast(SnpFirmwareVersion minimum) =>
        (Major, Minor, Build).CompareTo((minimum.Major, minimum.Minor, minimum.Build)) >= 0;

    /// <summary>The version as <c>1.55.29</c>.</summary>
    public override string ToString() => $"{Major}.{Minor}.{Build}";
}
