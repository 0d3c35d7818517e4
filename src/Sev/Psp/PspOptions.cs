using KvmSevVmm.Sev.Attestation;

namespace KvmSevVmm.Sev.Psp;

/// <summary>What a new software platform is like. A platform that is kept in a directory keeps what it was created with.</summary>
public sealed record PspOptions
{
    /// <summary>
    /// The text that every key and nonce comes from, so that two runs agree; null to draw them from the system. Whoever knows the seed
    /// knows every secret. ECDSA and RSA-PSS signatures differ from run to run all the same: the BCL has no deterministic ones.
    /// </summary>
    public string? Seed { get; init; }

    /// <summary>The version of the SEV firmware that is played.</summary>
    public SevFirmwareVersion Firmware { get; init; } = new(1, 55, 25);

    /// <summary>Whether the platform is configured for SEV-ES.</summary>
    public bool IsEncryptedStateConfigured { get; init; } = true;

    /// <summary>Whether the platform has SMT on: SNP policies that forbid SMT are refused then.</summary>
    public bool IsSmtEnabled { get; init; } = true;

    /// <summary>The security versions that SNP reports carry.</summary>
    public TcbVersion Tcb { get; init; } = TcbVersion.Create(null, 3, 0, 8, 115);

    /// <summary>
    /// Whether the model encrypts guest memory where it lies, as a memory controller would. Off by default: a guest of the simulated
    /// mode reads its memory through the host's mapping and would find ciphertext.
    /// </summary>
    public bool Scramble { get; init; }
}
