namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>One way of launching a guest: what the host has, and what <c>run</c> is asked for.</summary>
/// <param name="Host">Options of the simulated host.</param>
/// <param name="Sev">The value of <c>--sev</c>.</param>
public sealed record SevLaunchCase(string Host, string Sev)
{
    /// <summary>Every launch.</summary>
    public static IReadOnlyList<SevLaunchCase> All { get; } =
    [
        new("--sev --c-bit-alias", "sev,legacy-vm-type=on"),
        new("--sev --c-bit-alias", "sev,legacy-vm-type=off"),
        new("--sev-es --cbit 46", "sev-es,legacy-vm-type=on"),
        new("--sev-es --cbit 46", "sev-es,legacy-vm-type=off"),
    ];

    /// <inheritdoc/>
    public override string ToString() => Sev;
}
