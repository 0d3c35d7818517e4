using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// A certificate of the SEV platform hierarchy (PDH, PEK, OCA, CEK), or a guest owner's Diffie-Hellman certificate: 2084 bytes.
/// Immutable; signing returns a new one.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, SEV certificate format.</remarks>
public sealed class SevCertificate
{
    /// <summary>Bytes of a certificate.</summary>
    public const int Size = 2084;

    /// <summary>Bytes at the start that a signature covers.</summary>
    public const int BodySize = 0x414;

    /// <summary>The only version there is.</summary>
    public const uint CurrentVersion = 1;

    private const int ApiMajorOffset = 0x004;
    private const int ApiMinorOffset = 0x005;
    private const int UsageOffset = 0x008;
    private const int AlgorithmOffset = 0x00C;
    private const int KeyOffset = 0x010;
    private const int Slot1Offset = 0x414;
    private const int Slot2Offset = 0x61C;
    private const int SlotSignatureOffset = 8;

    private readonly byte[] _bytes;

    private SevCertificate(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The certificate's version; always 1.</summary>
    public uint Version => BinaryPrimitives.ReadUInt32LittleEndian(_bytes);

    /// <summary>Major version of the SEV API of the firmware that made it.</summary>
    public byte ApiMajor => _bytes[ApiMajorOffset];

    /// <summary>Minor version of the SEV API of the firmware that made it.</summary>
    public byte ApiMinor => _bytes[ApiMinorOffset];

    /// <summary>What the key is for.</summary>
    public SevKeyUsage Usage => (SevKeyUsage)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(UsageOffset));

    /// <summary>The key's algorithm.</summary>
    public SevKeyAlgorithm Algorithm => (SevKeyAlgorithm)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(AlgorithmOffset));

    /// <summary>The key's field, 1028 bytes.</summary>
    public ReadOnlySpan<byte> KeyField => _bytes.AsSpan(KeyOffset, AmdEcKey.Size);

    /// <summary>The 1044 bytes that a signature covers.</summary>
    public ReadOnlySpan<byte> Body => _bytes.AsSpan(0, BodySize);

    /// <summary>All 2084 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The first signature slot.</summary>
    public SevSignatureSlot Signature1 => ReadSlot(Slot1Offset);

    /// <summary>The second signature slot.</summary>
    public SevSignatureSlot Signature2 => ReadSlot(Slot2Offset);

    /// <summary>True when both slots are unused, as in a certificate signing request and in the CEK that the platform exports.</summary>
    public bool IsUnsigned => Signature1.IsUnused && Signature2.IsUnused;

    /// <summary>Reads a certificate.</summary>
    /// <param name="bytes">The certificate, exactly 2084 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static SevCertificate Parse(ReadOnlySpan<byte> bytes, string input) =>
        TryParse(bytes, out SevCertificate? certificate, out (string Field, string Problem) fault)
            ? certificate
            : throw new SevFormatException(input, fault.Field, fault.Problem);

    /// <summary>Reads a certificate from a file, raw or base64.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SevCertificate Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "certificate", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>Reads a certificate.</summary>
    /// <param name="bytes">The certificate, exactly 2084 bytes.</param>
    /// <param name="certificate">The certificate, or null.</param>
    /// <param name="fault">The field that is not what it must be, and why.</param>
    public static bool TryParse(
        ReadOnlySpan<byte> bytes,
        [NotNullWhen(true)] out SevCertificate? certificate,
        out (string Field, string Problem) fault)
    {
        certificate = null;
        if (bytes.Length != Size)
        {
            fault = ("certificate", $"an SEV certificate has {Size} bytes, not {bytes.Length}");
            return false;
        }

        SevCertificate candidate = new(bytes.ToArray());
        if (candidate.Version != CurrentVersion)
        {
            fault = ("version", $"{candidate.Version} is not {CurrentVersion}");
            return false;
        }

        if (!Enum.IsDefined(candidate.Usage) || candidate.Usage == SevKeyUsage.Invalid)
        {
            fault = ("pub_key_usage", $"0x{(uint)candidate.Usage:x} is no key usage");
            return false;
        }

        if (!Enum.IsDefined(candidate.Algorithm) || candidate.Algorithm == SevKeyAlgorithm.None)
        {
            fault = ("pub_key_algo", $"0x{(uint)candidate.Algorithm:x} is no key algorithm");
            return false;
        }

        if (!candidate.TryReadKey(out _, out _, out string? problem))
        {
            fault = ("pub_key", problem);
            return false;
        }

        fault = default;
        certificate = candidate;
        return true;
    }

    /// <summary>Makes an unsigned certificate for an elliptic-curve key.</summary>
    /// <param name="usage">What the key is for.</param>
    /// <param name="algorithm">ECDSA or ECDH with a hash.</param>
    /// <param name="key">The key, on P-256 or P-384; its private part is not looked at.</param>
    /// <param name="apiMajor">Major version of the SEV API to note in it.</param>
    /// <param name="apiMinor">Minor version of the SEV API to note in it.</param>
    /// <exception cref="ArgumentException">The algorithm needs another kind of key, or the curve is neither P-256 nor P-384.</exception>
    public static SevCertificate Create(
        SevKeyUsage usage,
        SevKeyAlgorithm algorithm,
        in ECParameters key,
        byte apiMajor,
        byte apiMinor)
    {
        if (!algorithm.IsElliptic())
        {
            throw new ArgumentException($"{algorithm.ToName()} needs no elliptic-curve key", nameof(algorithm));
        }

        byte[] bytes = CreateHead(usage, algorithm, apiMajor, apiMinor);
        AmdEcKey.Write(key, bytes.AsSpan(KeyOffset, AmdEcKey.Size));
        return new SevCertificate(bytes);
    }

    /// <summary>Makes an unsigned certificate for an RSA key.</summary>
    /// <param name="usage">What the key is for.</param>
    /// <param name="algorithm">RSA with a hash.</param>
    /// <param name="key">The key, of 2048 or 4096 bits; its private part is not looked at.</param>
    /// <param name="apiMajor">Major version of the SEV API to note in it.</param>
    /// <param name="apiMinor">Minor version of the SEV API to note in it.</param>
    /// <exception cref="ArgumentException">The algorithm needs another kind of key, or the key has another size.</exception>
    public static SevCertificate Create(
        SevKeyUsage usage,
        SevKeyAlgorithm algorithm,
        in RSAParameters key,
        byte apiMajor,
        byte apiMinor)
    {
        if (!algorithm.IsRsa() || key.Modulus is not { Length: 256 or 512 })
        {
            throw new ArgumentException($"{algorithm.ToName()} with an RSA key of {key.Modulus?.Length * 8} bits", nameof(algorithm));
        }

        byte[] bytes = CreateHead(usage, algorithm, apiMajor, apiMinor);
        SevKeyField.Write(key, bytes.AsSpan(KeyOffset, AmdEcKey.Size));
        return new SevCertificate(bytes);
    }

    /// <summary>Signs with an ECDSA key: the signature goes into the first unused slot.</summary>
    /// <param name="key">The signer's private key.</param>
    /// <param name="signerUsage">The usage of the signer's key.</param>
    /// <param name="signerAlgorithm">ECDSA_SHA256 or ECDSA_SHA384.</param>
    /// <returns>The signed certificate.</returns>
    /// <exception cref="InvalidOperationException">Both slots are taken.</exception>
    public SevCertificate Sign(ECDsa key, SevKeyUsage signerUsage, SevKeyAlgorithm signerAlgorithm = SevKeyAlgorithm.EcdsaSha256)
    {
        byte[] signature = new byte[AmdEcdsaSignature.FieldSize];
        AmdEcdsaSignature.Sign(key, Body, signerAlgorithm.ToHash(), signature);
        return WithSignature(signerUsage, signerAlgorithm, signature);
    }

    /// <summary>Signs with an RSA key (RSASSA-PSS): the signature goes into the first unused slot.</summary>
    /// <param name="key">The signer's private key, of 2048 or 4096 bits.</param>
    /// <param name="signerUsage">The usage of the signer's key.</param>
    /// <param name="signerAlgorithm">RSA_SHA256 or RSA_SHA384.</param>
    /// <returns>The signed certificate.</returns>
    /// <exception cref="InvalidOperationException">Both slots are taken.</exception>
    public SevCertificate Sign(RSA key, SevKeyUsage signerUsage, SevKeyAlgorithm signerAlgorithm)
    {
        byte[] signature = new byte[AmdEcdsaSignature.FieldSize];
        AmdRsaKey.Sign(key, Body, signerAlgorithm.ToHash(), signature);
        return WithSignature(signerUsage, signerAlgorithm, signature);
    }

    /// <summary>Puts a ready-made signature into the first unused slot.</summary>
    /// <param name="signerUsage">The usage of the signer's key.</param>
    /// <param name="signerAlgorithm">The algorithm of the signer's key.</param>
    /// <param name="signature">The signature as the format has it, at most 512 bytes.</param>
    /// <returns>The certificate with the signature.</returns>
    /// <exception cref="InvalidOperationException">Both slots are taken.</exception>
    public SevCertificate WithSignature(SevKeyUsage signerUsage, SevKeyAlgorithm signerAlgorithm, ReadOnlySpan<byte> signature)
    {
        int offset = Signature1.Usage == SevKeyUsage.Invalid
            ? Slot1Offset
            : Signature2.Usage == SevKeyUsage.Invalid
                ? Slot2Offset
                : throw new InvalidOperationException("both signature slots of the certificate are taken");
        byte[] bytes = [.. _bytes];
        WriteSlot(bytes, offset, signerUsage, signerAlgorithm, signature);
        return new SevCertificate(bytes);
    }

    /// <summary>The same certificate with both slots unused.</summary>
    public SevCertificate WithoutSignatures()
    {
        byte[] bytes = [.. _bytes];
        WriteSlot(bytes, Slot1Offset, SevKeyUsage.Invalid, SevKeyAlgorithm.None, []);
        WriteSlot(bytes, Slot2Offset, SevKeyUsage.Invalid, SevKeyAlgorithm.None, []);
        return new SevCertificate(bytes);
    }

    /// <summary>Verifies that another SEV certificate's key signed this one, in either slot.</summary>
    /// <param name="signer">The signer's certificate; this one itself for an OCA.</param>
    /// <param name="reason">What was found, in words, whatever the answer.</param>
    public bool IsSignedBy(SevCertificate signer, out string reason)
    {
        if (!signer.Algorithm.CanSign())
        {
            reason = $"a key of algorithm {signer.Algorithm.ToName()} cannot sign";
            return false;
        }

        signer.TryReadKey(out ECParameters? ecKey, out RSAParameters? rsaKey, out _);
        return IsSignedBy(signer.Usage, signer.Algorithm, ecKey, rsaKey, out reason);
    }

    /// <summary>Verifies that AMD's signing key signed this certificate, in either slot.</summary>
    /// <param name="signer">The ASK.</param>
    /// <param name="reason">What was found, in words, whatever the answer.</param>
    public bool IsSignedBy(AmdCertificate signer, out string reason) =>
        IsSignedBy(signer.Usage, signer.SignatureAlgorithm, null, signer.PublicKey, out reason);

    /// <summary>The key on its curve.</summary>
    /// <exception cref="InvalidOperationException">It is an RSA key.</exception>
    public ECParameters GetEcPublicKey() => TryReadKey(out ECParameters? ecKey, out _, out _) && ecKey is { } key
        ? key
        : throw new InvalidOperationException($"the {Usage.ToName()} certificate holds no elliptic-curve key");

    /// <summary>The RSA key.</summary>
    /// <exception cref="InvalidOperationException">It is an elliptic-curve key.</exception>
    public RSAParameters GetRsaPublicKey() => TryReadKey(out _, out RSAParameters? rsaKey, out _) && rsaKey is { } key
        ? key
        : throw new InvalidOperationException($"the {Usage.ToName()} certificate holds no RSA key");

    /// <summary>SHA-256 over the body: what <c>sevctl</c> prints for a certificate, and what two people can compare.</summary>
    public byte[] GetFingerprint() => SHA256.HashData(Body);

    private static byte[] CreateHead(SevKeyUsage usage, SevKeyAlgorithm algorithm, byte apiMajor, byte apiMinor)
    {
        byte[] bytes = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, CurrentVersion);
        bytes[ApiMajorOffset] = apiMajor;
        bytes[ApiMinorOffset] = apiMinor;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(UsageOffset), (uint)usage);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(AlgorithmOffset), (uint)algorithm);
        WriteSlot(bytes, Slot1Offset, SevKeyUsage.Invalid, SevKeyAlgorithm.None, []);
        WriteSlot(bytes, Slot2Offset, SevKeyUsage.Invalid, SevKeyAlgorithm.None, []);
        return bytes;
    }

    private static void WriteSlot(
        byte[] bytes,
        int offset,
        SevKeyUsage usage,
        SevKeyAlgorithm algorithm,
        ReadOnlySpan<byte> signature)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), (uint)usage);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset + 4), (uint)algorithm);
        Span<byte> field = bytes.AsSpan(offset + SlotSignatureOffset, AmdEcdsaSignature.FieldSize);
        field.Clear();
        signature.CopyTo(field);
    }

    private bool IsSignedBy(
        SevKeyUsage signerUsage,
        SevKeyAlgorithm signerAlgorithm,
        ECParameters? ecKey,
        RSAParameters? rsaKey,
        out string reason)
    {
        string signer = $"{signerUsage.ToName()} ({signerAlgorithm.ToName()})";
        if (!IsAllowedSigner(signerUsage))
        {
            reason = $"a {Usage.ToName()} is never signed by a {signerUsage.ToName()}";
            return false;
        }

        SevSignatureSlot[] slots = [Signature1, Signature2];
        if (slots.Any(slot => slot.IsMalformed))
        {
            reason = "a signature slot is half used: usage and algorithm contradict each other";
            return false;
        }

        bool found = false;
        foreach (SevSignatureSlot slot in slots)
        {
            if (slot.Usage != signerUsage || slot.Algorithm != signerAlgorithm)
            {
                continue;
            }

            found = true;
            HashAlgorithmName hash = signerAlgorithm.ToHash();
            bool valid = rsaKey is { } rsa
                ? AmdRsaKey.Verify(rsa, Body, hash, slot.Signature.Span)
                : ecKey is { } ec && AmdEcdsaSignature.Verify(ec, Body, hash, slot.Signature.Span);
            if (valid)
            {
                reason = $"the signature by the {signer} verifies";
                return true;
            }
        }

        reason = found
            ? $"the signature by the {signer} does not verify"
            : IsUnsigned
                ? "the certificate is not signed"
                : $"no signature slot names the {signer}: they name {Name(slots[0])} and {Name(slots[1])}";
        return false;

        static string Name(SevSignatureSlot slot) => slot.IsUnused ? "nobody" : $"{slot.Usage.ToName()} ({slot.Algorithm.ToName()})";
    }

    // Who may sign whom, as the firmware has it.
    private bool IsAllowedSigner(SevKeyUsage signer) => Usage switch
    {
        SevKeyUsage.Pdh => signer == SevKeyUsage.Pek,
        SevKeyUsage.Pek => signer is SevKeyUsage.Oca or SevKeyUsage.Cek,
        SevKeyUsage.Oca => signer == SevKeyUsage.Oca,
        SevKeyUsage.Cek => signer == SevKeyUsage.Ask,
        _ => false,
    };

    private SevSignatureSlot ReadSlot(int offset) => new(
        (SevKeyUsage)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset)),
        (SevKeyAlgorithm)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset + 4)),
        _bytes.AsMemory(offset + SlotSignatureOffset, AmdEcdsaSignature.FieldSize));

    private bool TryReadKey(out ECParameters? ecKey, out RSAParameters? rsaKey, [NotNullWhen(false)] out string? problem) =>
        SevKeyField.TryRead(Algorithm, KeyField, out ecKey, out rsaKey, out problem);
}
