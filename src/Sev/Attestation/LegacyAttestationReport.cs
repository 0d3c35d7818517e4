using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// The report of the ATTESTATION command for SEV and SEV-ES guests, signed by the PEK: nonce[16] ‖ launch digest[32] ‖ policy u32 ‖
/// signature usage u32 ‖ signature algorithm u32 ‖ reserved u32 ‖ R[72] ‖ S[72], 208 bytes. Immutable.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, ATTESTATION. The signature covers the first 0x34 bytes.</remarks>
public sealed class LegacyAttestationReport
{
    /// <summary>Bytes of a report.</summary>
    public const int Size = 208;

    /// <summary>Bytes at the start that the signature covers.</summary>
    public const int SignedSize = 0x34;

    private const int NonceSize = 16;
    private const int DigestOffset = 0x10;
    private const int DigestSize = 32;
    private const int PolicyOffset = 0x30;
    private const int UsageOffset = 0x34;
    private const int AlgorithmOffset = 0x38;
    private const int ReservedOffset = 0x3C;
    private const int SignatureOffset = 0x40;

    private readonly byte[] _bytes;

    private LegacyAttestationReport(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The nonce that the asker gave, 16 bytes.</summary>
    public ReadOnlySpan<byte> Nonce => _bytes.AsSpan(0, NonceSize);

    /// <summary>SHA-256 over everything that was launched, 32 bytes.</summary>
    public ReadOnlySpan<byte> LaunchDigest => _bytes.AsSpan(DigestOffset, DigestSize);

    /// <summary>The guest's policy.</summary>
    public SevPolicy Policy => new(BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(PolicyOffset)));

    /// <summary>The usage of the signer's key: PEK. Not covered by the signature.</summary>
    public SevKeyUsage SignatureUsage => (SevKeyUsage)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(UsageOffset));

    /// <summary>The algorithm of the signature: ECDSA_SHA256. Not covered by the signature.</summary>
    public SevKeyAlgorithm SignatureAlgorithm => (SevKeyAlgorithm)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(AlgorithmOffset));

    /// <summary>A reserved field: zero. Not covered by the signature.</summary>
    public uint Reserved => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(ReservedOffset));

    /// <summary>R and S, 144 bytes.</summary>
    public ReadOnlySpan<byte> Signature => _bytes.AsSpan(SignatureOffset);

    /// <summary>All 208 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Reads a report. Any 208 bytes are one; <see cref="LegacyReportVerifier"/> tells what they are worth.</summary>
    /// <param name="bytes">The report, exactly 208 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">It has another size.</exception>
    public static LegacyAttestationReport Parse(ReadOnlySpan<byte> bytes, string input) => bytes.Length == Size
        ? new LegacyAttestationReport(bytes.ToArray())
        : throw new SevFormatException(input, "report", $"a legacy attestation report has {Size} bytes, not {bytes.Length}");

    /// <summary>Reads a report from a file, raw or base64 as QEMU's <c>query-sev-attestation-report</c> gives it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">The file holds no report.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static LegacyAttestationReport Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "report", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>Makes and signs a report, as the firmware does.</summary>
    /// <param name="nonce">The nonce that the asker gave, 16 bytes.</param>
    /// <param name="launchDigest">The guest's launch digest, 32 bytes.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="pek">The platform's private endorsement key.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static LegacyAttestationReport Create(
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> launchDigest,
        SevPolicy policy,
        ECDsa pek)
    {
        if (nonce.Length != NonceSize || launchDigest.Length != DigestSize)
        {
            throw new ArgumentException($"{nonce.Length} and {launchDigest.Length} bytes instead of 16 and 32", nameof(nonce));
        }

        byte[] bytes = new byte[Size];
        nonce.CopyTo(bytes);
        launchDigest.CopyTo(bytes.AsSpan(DigestOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(PolicyOffset), policy.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(UsageOffset), (uint)SevKeyUsage.Pek);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(AlgorithmOffset), (uint)SevKeyAlgorithm.EcdsaSha256);
        AmdEcdsaSignature.Sign(pek, bytes.AsSpan(0, SignedSize), HashAlgorithmName.SHA256, bytes.AsSpan(SignatureOffset));
        return new LegacyAttestationReport(bytes);
    }
}
