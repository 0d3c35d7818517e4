namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>One way of launching a guest: what the host has, and what <c>run</c> is asked for.</summary>
/// <param name="Host">Options of the simulated host.</param>
/// <param name="Sev">The value of <c>--sev</c>.</param>
/// <param name="HasFirmware">Whether the guest starts with firmware.</param>
public sealed record SevLaunchCase(string Host, string Sev, bool HasFirmware = false)
{
    /// <summary>Every launch.</summary>
    public static IReadOnlyList<SevLaunchCase> All { get; } =
    [
        new("--sev --c-bit-alias", "sev,legacy-vm-type=on"),
        new("--sev --c-bit-alias", "sev,legacy-vm-type=off"),
        new("--sev-es --cbit 46", "sev-es,legacy-vm-type=on"),
        new("--sev-es --cbit 46", "sev-es,legacy-vm-type=off"),
        new("--snp", "sev-snp,kernel-hashes=on", HasFirmware: true),

        // The kernel does less than it is asked, again and again.
        new("--snp --partial-progress", "sev-snp,kernel-hashes=on", HasFirmware: true),
    ];

    /// <summary>The launches of SEV-SNP guests.</summary>
    public static IEnumerable<SevLaunchCase> Snp => All.Where(static launch => launch.HasFirmware);

    /// <inheritdoc/>
    public override string ToString() => $"{Host}: {Sev}";
}
