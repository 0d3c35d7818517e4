namespace KvmSevVmm.Sev.Policies;

/// <summary>The policy of an SEV or SEV-ES guest: what its owner forbids the host.</summary>
/// <param name="Value">The policy as LAUNCH_START takes it.</param>
/// <remarks>Source: AMD SEV API 55766, guest policy structure.</remarks>
public readonly record struct SevPolicy(uint Value)
{
    /// <summary>Bits 6 to 15, which must be zero.</summary>
    public const uint ReservedMask = 0xFFC0;

    private const int ApiMajorShift = 16;
    private const int ApiMinorShift = 24;

    private static readonly (string Name, int Bit)[] Flags =
        [("nodbg", 0), ("noks", 1), ("es", 2), ("nosend", 3), ("domain", 4), ("sev", 5)];

    private static readonly (string Name, int Bit)[] Versions = [("api-major", ApiMajorShift), ("api-minor", ApiMinorShift)];

    /// <summary>Bit 0, NODBG: the host may not read or write the guest's memory through the firmware.</summary>
    public bool NoDebug => (Value & (1U << 0)) != 0;

    /// <summary>Bit 1, NOKS: no other guest may be launched with this guest's key.</summary>
    public bool NoKeySharing => (Value & (1U << 1)) != 0;

    /// <summary>Bit 2, ES: the guest's registers are encrypted too (SEV-ES).</summary>
    public bool EncryptedState => (Value & (1U << 2)) != 0;

    /// <summary>Bit 3, NOSEND: the guest may not be sent to another platform.</summary>
    public bool NoSend => (Value & (1U << 3)) != 0;

    /// <summary>Bit 4, DOMAIN: the guest may only be sent to a platform of the same owner.</summary>
    public bool Domain => (Value & (1U << 4)) != 0;

    /// <summary>Bit 5, SEV: the guest may only be sent to a platform that AMD certifies.</summary>
    public bool SevOnly => (Value & (1U << 5)) != 0;

    /// <summary>Bits 16 to 23: the least major version of the SEV API that the firmware must have.</summary>
    public byte ApiMajor => (byte)(Value >> ApiMajorShift);

    /// <summary>Bits 24 to 31: the least minor version of the SEV API that the firmware must have.</summary>
    public byte ApiMinor => (byte)(Value >> ApiMinorShift);

    /// <summary>Reads a policy: a decimal or 0x number, or names such as <c>nodbg,noks,es,api-major=1,api-minor=40</c>.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="SevFormatException">It is neither, or a name is unknown or stands there twice.</exception>
    public static SevPolicy Parse(string text) => new((uint)PolicyText.Parse(text, Flags, Versions, uint.MaxValue, 0));

    /// <summary>What the firmware will refuse in this policy, one sentence each; empty for a good one.</summary>
    public IReadOnlyList<string> GetProblems() => (Value & ReservedMask) == 0
        ? []
        : [$"Bits 6 to 15 are reserved and must be zero, here they are 0x{(Value & ReservedMask) >> 6:x}."];

    /// <summary>True when the firmware is new enough for the policy.</summary>
    /// <param name="firmware">The platform's firmware.</param>
    public bool IsMetBy(SevFirmwareVersion firmware) => firmware.IsAtLeast(ApiMajor, ApiMinor);

    /// <summary>The policy in words, one statement for each bit.</summary>
    public IReadOnlyList<string> Describe()
    {
        List<string> statements =
        [
            NoDebug
                ? "NODBG: the host cannot debug the guest."
                : "NODBG is clear: the host CAN READ AND WRITE the guest's memory through the firmware.",
            NoKeySharing
                ? "NOKS: no other guest can share this guest's key."
                : "NOKS is clear: the host can launch another guest with the same key.",
            EncryptedState
                ? "ES: the guest's registers are encrypted too (SEV-ES)."
                : "ES is clear: the host sees the guest's registers at every exit (plain SEV).",
            NoSend
                ? "NOSEND: the guest cannot be sent to another platform."
                : "NOSEND is clear: the guest can be sent to another platform.",
            Domain
                ? "DOMAIN: the guest can only be sent to a platform of the same owner."
                : "DOMAIN is clear: a receiving platform needs not have the same owner.",
            SevOnly
                ? "SEV: the guest can only be sent to a platform that AMD certifies."
                : "SEV is clear: a receiving platform needs not be certified by AMD.",
            $"API: the firmware must be of SEV API {ApiMajor}.{ApiMinor} or later.",
        ];
        statements.AddRange(GetProblems());
        return statements;
    }

    /// <summary>The policy as names, <c>nodbg,es,api-major=1</c>; empty for 0. Reserved bits have no name.</summary>
    public string ToNames() => PolicyText.Format(Value, Flags, Versions);

    /// <summary>The policy as a number: <c>0x00000007</c>.</summary>
    public override string ToString() => $"0x{Value:x8}";
}
