namespace KvmSevVmm.Sev.Policies;

/// <summary>The policy of an SEV-SNP guest: what its owner allows and demands.</summary>
/// <param name="Value">The policy as SNP_LAUNCH_START takes it.</param>
/// <remarks>Source: AMD SNP ABI 56860, guest policy.</remarks>
public readonly record struct SnpPolicy(ulong Value)
{
    /// <summary>The policy that most monitors take: SMT allowed, nothing else, bit 17 set as it must be.</summary>
    public const ulong DefaultValue = 0x30000;

    /// <summary>Bits 26 to 63, which must be zero.</summary>
    public const ulong ReservedMask = ~0UL << 26;

    /// <summary>Bit 17, which must be one.</summary>
    public const ulong MustBeOneMask = 1UL << 17;

    private const int AbiMinorShift = 0;
    private const int AbiMajorShift = 8;

    private static readonly (string Name, int Bit)[] Flags =
    [
        ("smt", 16), ("migrate-ma", 18), ("debug", 19), ("single-socket", 20), ("cxl", 21), ("aes-256-xts", 22),
        ("rapl-dis", 23), ("ciphertext-hiding", 24), ("page-swap-disable", 25),
    ];

    private static readonly (string Name, int Bit)[] Versions = [("abi-major", AbiMajorShift), ("abi-minor", AbiMinorShift)];

    /// <summary><see cref="DefaultValue"/> as a policy.</summary>
    public static SnpPolicy Default => new(DefaultValue);

    /// <summary>Bits 0 to 7: the least minor version of the SNP ABI that the firmware must have.</summary>
    public byte AbiMinor => (byte)(Value >> AbiMinorShift);

    /// <summary>Bits 8 to 15: the least major version of the SNP ABI that the firmware must have.</summary>
    public byte AbiMajor => (byte)(Value >> AbiMajorShift);

    /// <summary>Bit 16, SMT: the guest may run while simultaneous multithreading is on.</summary>
    public bool SmtAllowed => HasBit(16);

    /// <summary>Bit 17, which must be one.</summary>
    public bool HasMandatoryBit => HasBit(17);

    /// <summary>Bit 18, MIGRATE_MA: the guest may have a migration agent.</summary>
    public bool MigrationAgentAllowed => HasBit(18);

    /// <summary>Bit 19, DEBUG: the host may read and write the guest's memory through the firmware.</summary>
    public bool DebugAllowed => HasBit(19);

    /// <summary>Bit 20, SINGLE_SOCKET: the guest may run on one socket only.</summary>
    public bool SingleSocket => HasBit(20);

    /// <summary>Bit 21, CXL_ALLOW: the guest's memory may lie on CXL devices.</summary>
    public bool CxlAllowed => HasBit(21);

    /// <summary>Bit 22, MEM_AES_256_XTS: memory must be encrypted with AES-256-XTS.</summary>
    public bool RequiresAes256Xts => HasBit(22);

    /// <summary>Bit 23, RAPL_DIS: the host's running average power limit must be off.</summary>
    public bool RequiresRaplDisabled => HasBit(23);

    /// <summary>Bit 24, CIPHERTEXT_HIDING: the host must not be able to read the ciphertext.</summary>
    public bool RequiresCiphertextHiding => HasBit(24);

    /// <summary>Bit 25, PAGE_SWAP_DISABLE: the host may not swap or move the guest's pages through the firmware.</summary>
    public bool PageSwapDisabled => HasBit(25);

    /// <summary>
    /// Reads a policy: a decimal or 0x number, <c>default</c>, or names such as <c>smt,abi-major=1,abi-minor=51</c>, to which bit 17,
    /// which must be one, is added. Only what is named is allowed.
    /// </summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="SevFormatException">It is none of these, or a name is unknown or stands there twice.</exception>
    public static SnpPolicy Parse(string text) => text.Trim().Equals("default", StringComparison.OrdinalIgnoreCase)
        ? Default
        : new SnpPolicy(PolicyText.Parse(text, Flags, Versions, ulong.MaxValue, MustBeOneMask));

    /// <summary>What the firmware will refuse in this policy, one sentence each; empty for a good one.</summary>
    public IReadOnlyList<string> GetProblems()
    {
        List<string> problems = [];
        if (!HasMandatoryBit)
        {
            problems.Add("Bit 17 must be one, here it is zero.");
        }

        if ((Value & ReservedMask) != 0)
        {
            problems.Add($"Bits 26 to 63 are reserved and must be zero, here they are 0x{Value >> 26:x}.");
        }

        return problems;
    }

    /// <summary>True when the firmware is new enough for the policy.</summary>
    /// <param name="abiMajor">Major version of the platform's SNP ABI.</param>
    /// <param name="abiMinor">Minor version of the platform's SNP ABI.</param>
    public bool IsMetBy(byte abiMajor, byte abiMinor) => abiMajor > AbiMajor || (abiMajor == AbiMajor && abiMinor >= AbiMinor);

    /// <summary>The policy in words, one statement for each bit.</summary>
    public IReadOnlyList<string> Describe()
    {
        List<string> statements =
        [
            $"ABI: the firmware must be of SNP ABI {AbiMajor}.{AbiMinor} or later.",
            SmtAllowed
                ? "SMT: the guest may run while simultaneous multithreading is on."
                : "SMT is clear: the guest only runs on a host with simultaneous multithreading off.",
            MigrationAgentAllowed
                ? "MIGRATE_MA: the guest may have a migration agent, which can read all of it."
                : "MIGRATE_MA is clear: the guest can have no migration agent.",
            DebugAllowed
                ? "DEBUG: the host CAN READ AND WRITE the guest's memory through the firmware."
                : "DEBUG is clear: the host cannot debug the guest.",
            SingleSocket
                ? "SINGLE_SOCKET: the guest runs on one socket only."
                : "SINGLE_SOCKET is clear: the guest may run on several sockets.",
            CxlAllowed
                ? "CXL_ALLOW: the guest's memory may lie on CXL devices."
                : "CXL_ALLOW is clear: the guest's memory may not lie on CXL devices.",
            RequiresAes256Xts
                ? "MEM_AES_256_XTS: memory must be encrypted with AES-256-XTS."
                : "MEM_AES_256_XTS is clear: AES-128-XEX is enough for memory.",
            RequiresRaplDisabled
                ? "RAPL_DIS: the host's power measurement (RAPL) must be off."
                : "RAPL_DIS is clear: the host may measure power (RAPL) while the guest runs.",
            RequiresCiphertextHiding
                ? "CIPHERTEXT_HIDING: the host must not be able to read the ciphertext."
                : "CIPHERTEXT_HIDING is clear: the host may read the ciphertext.",
            PageSwapDisabled
                ? "PAGE_SWAP_DISABLE: the host cannot swap or move the guest's pages."
                : "PAGE_SWAP_DISABLE is clear: the host may swap and move the guest's pages, encrypted.",
        ];
        statements.AddRange(GetProblems());
        return statements;
    }

    /// <summary>The policy as names, <c>smt,abi-major=1</c>. Bit 17 and reserved bits have no name.</summary>
    public string ToNames() => PolicyText.Format(Value, Flags, Versions);

    /// <summary>The policy as a number: <c>0x30000</c>.</summary>
    public override string ToString() => $"0x{Value:x}";

    private bool HasBit(int bit) => (Value >> bit & 1) != 0;
}
