using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Refuses expectations that the evidence has no place for: an option that is silently ignored would look like a check.</summary>
internal static class OptionScope
{
    /// <summary>Refuses what has no meaning for this kind of evidence.</summary>
    /// <param name="kind">What the evidence is, for the message.</param>
    /// <param name="options">Options and whether they were given.</param>
    /// <exception cref="UsageException">One was given.</exception>
    internal static void Refuse(string kind, params ReadOnlySpan<(string Option, bool IsGiven)> options)
    {
        foreach ((string option, bool isGiven) in options)
        {
            if (isGiven)
            {
                throw new UsageException($"{option} has no meaning for {kind}");
            }
        }
    }

    /// <summary>The options that speak of SEV-SNP alone.</summary>
    /// <param name="options">All options.</param>
    internal static (string Option, bool IsGiven)[] SnpOnly(AttestVerifyOptions options) =>
    [
        ("--report-data", options.ReportData is not null),
        ("--host-data", options.HostData is not null),
        ("--vmpl", options.Vmpl is not null),
        ("--id-key-digest", options.IdKeyDigest is not null),
        ("--author-key-digest", options.AuthorKeyDigest is not null),
        ("--family-id", options.FamilyId is not null),
        ("--image-id", options.ImageId is not null),
        ("--chip-id", options.ChipId is not null),
        ("--min-guest-svn", options.MinimumGuestSvn is not null),
        ("--min-tcb", options.MinimumTcb is not null),
        ("--min-firmware", options.MinimumFirmware is not null),
        ("--min-abi", options.MinimumAbi is not null),
        ("--product", options.Product is not null),
        ("--provider", options.Provider is not null),
        ("--smt", options.Smt is not null),
        ("--allow-debug", options.AllowDebug),
        ("--allow-migration-agent", options.AllowMigrationAgent),
        ("--crl", options.Crl is not null),
        ("--at", options.At is not null),
    ];

    /// <summary>The options that speak of launch measurements alone.</summary>
    /// <param name="options">All options.</param>
    internal static (string Option, bool IsGiven)[] MeasurementOnly(AttestVerifyOptions options) =>
    [
        ("--tik", options.Tik is not null),
        ("--tk", options.Tk is not null),
        ("--firmware", options.Firmware is not null),
    ];
}
