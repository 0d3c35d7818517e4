using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// The attestation report of a SEV-SNP guest, 1184 bytes, versions 2, 3 and 5. Reading it says nothing of what it is worth:
/// <see cref="SnpReportVerifier"/> does. Immutable.
/// </summary>
/// <remarks>Source: AMD SNP ABI 56860, ATTESTATION_REPORT. The signature covers the first 0x2A0 bytes.</remarks>
public sealed class SnpReport
{
    /// <summary>Bytes of a report.</summary>
    public const int Size = SnpReportLayout.Size;

    /// <summary>Bytes at the start that the signature covers.</summary>
    public const int SignedSize = SnpReportLayout.Signature;

    /// <summary>The only signature algorithm: ECDSA P-384 with SHA-384.</summary>
    public const uint EcdsaP384Sha384 = 1;

    private readonly byte[] _bytes;

    internal SnpReport(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The version of the report's layout: 2, 3 or 5.</summary>
    public uint Version => Read32(SnpReportLayout.Version);

    /// <summary>The security version of the guest, from its ID block.</summary>
    public uint GuestSvn => Read32(SnpReportLayout.GuestSvn);

    /// <summary>The guest's policy.</summary>
    public SnpPolicy Policy => new(Read64(SnpReportLayout.Policy));

    /// <summary>The owner's name for a family of guests, from the ID block, 16 bytes.</summary>
    public ReadOnlySpan<byte> FamilyId => _bytes.AsSpan(SnpReportLayout.FamilyId, SnpReportLayout.IdSize);

    /// <summary>The owner's name for the guest's image, from the ID block, 16 bytes.</summary>
    public ReadOnlySpan<byte> ImageId => _bytes.AsSpan(SnpReportLayout.ImageId, SnpReportLayout.IdSize);

    /// <summary>The privilege level that asked for the report, 0 to 3.</summary>
    public uint Vmpl => Read32(SnpReportLayout.Vmpl);

    /// <summary>The algorithm of the signature; 1 is ECDSA P-384 with SHA-384.</summary>
    public uint SignatureAlgorithm => Read32(SnpReportLayout.SignatureAlgorithm);

    /// <summary>The firmware that runs now.</summary>
    public TcbVersion CurrentTcb => ReadTcb(SnpReportLayout.CurrentTcb);

    /// <summary>What the platform is like, one bit each; see <see cref="SnpPlatformInfo"/>.</summary>
    public SnpPlatformInfo PlatformInfo => new(Read64(SnpReportLayout.PlatformInfo));

    /// <summary>AUTHOR_KEY_EN: whether the ID key was signed by an author key.</summary>
    public bool HasAuthorKey => (Flags >> SnpReportLayout.AuthorKeyBit & 1) != 0;

    /// <summary>MASK_CHIP_KEY: whether the host keeps chip keys from signing.</summary>
    public bool IsChipKeyMasked => (Flags >> SnpReportLayout.MaskChipKeyBit & 1) != 0;

    /// <summary>Which key signed the report; may be a number that no name stands for.</summary>
    public SnpSigningKey SigningKey => (SnpSigningKey)(Flags >> SnpReportLayout.SigningKeyShift & SnpReportLayout.SigningKeyMask);

    /// <summary>What the guest gave with its request, 64 bytes.</summary>
    public ReadOnlySpan<byte> ReportData => _bytes.AsSpan(SnpReportLayout.ReportData, SnpReportLayout.ReportDataSize);

    /// <summary>The launch digest, 48 bytes.</summary>
    public ReadOnlySpan<byte> Measurement => _bytes.AsSpan(SnpReportLayout.Measurement, SnpReportLayout.DigestSize);

    /// <summary>What the host gave at the launch, 32 bytes.</summary>
    public ReadOnlySpan<byte> HostData => _bytes.AsSpan(SnpReportLayout.HostData, SnpReportLayout.HostDataSize);

    /// <summary>SHA-384 of the ID key that signed the ID block, 48 bytes; zeros where there was none.</summary>
    public ReadOnlySpan<byte> IdKeyDigest => _bytes.AsSpan(SnpReportLayout.IdKeyDigest, SnpReportLayout.DigestSize);

    /// <summary>SHA-384 of the author key that signed the ID key, 48 bytes; zeros where there was none.</summary>
    public ReadOnlySpan<byte> AuthorKeyDigest => _bytes.AsSpan(SnpReportLayout.AuthorKeyDigest, SnpReportLayout.DigestSize);

    /// <summary>The firmware's own name for the guest, 32 bytes.</summary>
    public ReadOnlySpan<byte> ReportId => _bytes.AsSpan(SnpReportLayout.ReportId, SnpReportLayout.ReportIdSize);

    /// <summary>The firmware's own name for the guest's migration agent, 32 bytes; all ones where there is none.</summary>
    public ReadOnlySpan<byte> ReportIdMigrationAgent => _bytes.AsSpan(SnpReportLayout.ReportIdMa, SnpReportLayout.ReportIdSize);

    /// <summary>The firmware that the host admits to; the signing key stands for this version.</summary>
    public TcbVersion ReportedTcb => ReadTcb(SnpReportLayout.ReportedTcb);

    /// <summary>Whether the report names the processor: versions from 3 on.</summary>
    public bool HasCpuid => Version >= 3;

    /// <summary>The processor's family; 0 where the report does not name it.</summary>
    public byte CpuidFamily => _bytes[SnpReportLayout.CpuidFamily];

    /// <summary>The processor's model; 0 where the report does not name it.</summary>
    public byte CpuidModel => _bytes[SnpReportLayout.CpuidModel];

    /// <summary>The processor's stepping; 0 where the report does not name it.</summary>
    public byte CpuidStepping => _bytes[SnpReportLayout.CpuidStepping];

    /// <summary>
    /// The generation that the processor's family and model stand for; null where the report does not say, or it is unknown.
    /// </summary>
    public SevGeneration? Generation => HasCpuid ? SnpProducts.FromCpuid(CpuidFamily, CpuidModel) : null;

    /// <summary>The chip's id, 64 bytes, on Turin 8 and zeros; zeros where the host masks it.</summary>
    public ReadOnlySpan<byte> ChipId => _bytes.AsSpan(SnpReportLayout.ChipId, SnpReportLayout.ChipIdSize);

    /// <summary>The firmware below which the host cannot go any more.</summary>
    public TcbVersion CommittedTcb => ReadTcb(SnpReportLayout.CommittedTcb);

    /// <summary>The version of the SNP firmware that runs now.</summary>
    public SnpFirmwareVersion CurrentVersion => ReadVersion(SnpReportLayout.CurrentVersion);

    /// <summary>The version of the SNP firmware below which the host cannot go any more.</summary>
    public SnpFirmwareVersion CommittedVersion => ReadVersion(SnpReportLayout.CommittedVersion);

    /// <summary>The firmware that ran when the guest was launched or received.</summary>
    public TcbVersion LaunchTcb => ReadTcb(SnpReportLayout.LaunchTcb);

    /// <summary>The mitigations that were in force at the launch, one bit each; null before version 5.</summary>
    public ulong? LaunchMitigations => Version >= 5 ? Read64(SnpReportLayout.LaunchMitigations) : null;

    /// <summary>The mitigations that are in force now, one bit each; null before version 5.</summary>
    public ulong? CurrentMitigations => Version >= 5 ? Read64(SnpReportLayout.CurrentMitigations) : null;

    /// <summary>R[72] ‖ S[72], little-endian, and zeros, 512 bytes.</summary>
    public ReadOnlySpan<byte> Signature => _bytes.AsSpan(SnpReportLayout.Signature);

    /// <summary>All 1184 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    private uint Flags => Read32(SnpReportLayout.Flags);

    /// <summary>Reads a report.</summary>
    /// <param name="bytes">The report, exactly 1184 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">It has another size, an unknown version, or a reserved field that is not zero.</exception>
    public static SnpReport Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length != Size)
        {
            throw new SevFormatException(input, "report", $"a SEV-SNP attestation report has {Size} bytes, not {bytes.Length}");
        }

        SnpReport report = new(bytes.ToArray());
        if (report.Version is not (2 or 3 or 5))
        {
            throw new SevFormatException(input, "version", $"{report.Version} is none of 2, 3 and 5, which this program knows");
        }

        if ((report.Flags & SnpReportLayout.ReservedFlags) != 0)
        {
            throw new SevFormatException(input, "flags at 0x48", $"reserved bits are set: 0x{report.Flags:x}");
        }

        RequireZero(bytes, SnpReportLayout.Reserved1, SnpReportLayout.ReportData, input);
        RequireZero(bytes, report.HasCpuid ? SnpReportLayout.Reserved2 : SnpReportLayout.CpuidFamily, SnpReportLayout.ChipId, input);
        RequireZero(bytes, SnpReportLayout.Reserved3, SnpReportLayout.CommittedVersion, input);
        RequireZero(bytes, SnpReportLayout.Reserved4, SnpReportLayout.LaunchTcb, input);
        int reserved = report.Version >= 5 ? SnpReportLayout.Reserved5 : SnpReportLayout.LaunchMitigations;
        RequireZero(bytes, reserved, SnpReportLayout.Signature, input);
        RequireZero(bytes, SnpReportLayout.SignaturePadding, SnpReportLayout.Size, input);
        return report;
    }

    /// <summary>Verifies the signature by the key of a VCEK or VLEK, and nothing else.</summary>
    /// <param name="key">A public key on P-384.</param>
    public bool IsSignedBy(in ECParameters key) => SignatureAlgorithm == EcdsaP384Sha384
        && AmdEcdsaSignature.Verify(key, _bytes.AsSpan(0, SignedSize), HashAlgorithmName.SHA384, Signature);

    private static void RequireZero(ReadOnlySpan<byte> bytes, int start, int end, string input)
    {
        if (bytes[start..end].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, $"reserved at 0x{start:x}", $"the bytes up to 0x{end:x} are not zero");
        }
    }

    private uint Read32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ulong Read64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));

    private TcbVersion ReadTcb(int offset) => new(Read64(offset), SnpProducts.GetTcbLayout(HasCpuid ? CpuidFamily : (byte)0));

    // Build, minor, major.
    private SnpFirmwareVersion ReadVersion(int offset) => new(_bytes[offset + 2], _bytes[offset + 1], _bytes[offset]);
}
