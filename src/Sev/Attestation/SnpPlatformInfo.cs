namespace KvmSevVmm.Sev.Attestation;

/// <summary>What the platform under a SEV-SNP guest is like (PLATFORM_INFO).</summary>
/// <param name="Value">The eight bytes.</param>
/// <remarks>Source: AMD SNP ABI 56860, ATTESTATION_REPORT, PLATFORM_INFO.</remarks>
public readonly record struct SnpPlatformInfo(ulong Value)
{
    private static readonly (string Name, int Bit)[] Flags =
        [("smt", 0), ("tsme", 1), ("ecc", 2), ("rapl-dis", 3), ("ciphertext-hiding", 4), ("alias-check", 5), ("tio", 7)];

    /// <summary>Bit 0, SMT_EN: simultaneous multithreading is on.</summary>
    public bool SmtEnabled => HasBit(0);

    /// <summary>Bit 1, TSME_EN: all memory is encrypted, the host's too.</summary>
    public bool TsmeEnabled => HasBit(1);

    /// <summary>Bit 2, ECC_EN: memory has error correction.</summary>
    public bool EccEnabled => HasBit(2);

    /// <summary>Bit 3, RAPL_DIS: the host cannot measure power.</summary>
    public bool RaplDisabled => HasBit(3);

    /// <summary>Bit 4, CIPHERTEXT_HIDING_DRAM_EN: the host cannot read the ciphertext of guests.</summary>
    public bool CiphertextHidingEnabled => HasBit(4);

    /// <summary>Bit 5, ALIAS_CHECK_COMPLETE: no two addresses reach the same memory.</summary>
    public bool AliasCheckComplete => HasBit(5);

    /// <summary>Bit 7, SEV-TIO_EN: devices can be trusted.</summary>
    public bool TioEnabled => HasBit(7);

    /// <summary>The bits that are set, as names; unnamed ones as <c>bit9</c>.</summary>
    public override string ToString()
    {
        List<string> names = [];
        for (int bit = 0; bit < 64; bit++)
        {
            if (HasBit(bit))
            {
                names.Add(Array.Find(Flags, flag => flag.Bit == bit).Name ?? $"bit{bit}");
            }
        }

        return names.Count == 0 ? "none" : string.Join(',', names);
    }

    private bool HasBit(int bit) => (Value >> bit & 1) != 0;
}
