using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// AMD's own binary certificate, for the root key (ARK) and the signing key (ASK): 832 bytes for RSA-2048 (Naples), 1600 bytes for
/// RSA-4096 (Rome and later). Immutable.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, AMD signing key certificate format.</remarks>
public sealed class AmdCertificate
{
    /// <summary>Bytes before the exponent.</summary>
    public const int HeaderSize = 64;

    private const uint CurrentVersion = 1;
    private const int KeyIdOffset = 0x04;
    private const int CertifyingIdOffset = 0x14;
    private const int IdSize = 16;
    private const int UsageOffset = 0x24;
    private const int ExponentBitsOffset = 0x38;
    private const int ModulusBitsOffset = 0x3C;

    private readonly byte[] _bytes;
    private readonly int _keySize;

    private AmdCertificate(byte[] bytes, int keySize, in RSAParameters key)
    {
        _bytes = bytes;
        _keySize = keySize;
        PublicKey = key;
    }

    /// <summary>The key's name, 16 bytes.</summary>
    public ReadOnlySpan<byte> KeyId => _bytes.AsSpan(KeyIdOffset, IdSize);

    /// <summary>The name of the key that signed this certificate, 16 bytes.</summary>
    public ReadOnlySpan<byte> CertifyingId => _bytes.AsSpan(CertifyingIdOffset, IdSize);

    /// <summary>What the key is for: ARK or ASK.</summary>
    public SevKeyUsage Usage => (SevKeyUsage)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(UsageOffset));

    /// <summary>Bits of the modulus: 2048 or 4096.</summary>
    public int KeyBits => _keySize * 8;

    /// <summary>The public key.</summary>
    public RSAParameters PublicKey { get; }

    /// <summary>How this key signs: with SHA-256 at 2048 bits, with SHA-384 at 4096.</summary>
    public SevKeyAlgorithm SignatureAlgorithm => _keySize == 256 ? SevKeyAlgorithm.RsaSha256 : SevKeyAlgorithm.RsaSha384;

    /// <summary>The whole certificate.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>What a signature covers: header, exponent, modulus.</summary>
    public ReadOnlySpan<byte> Body => _bytes.AsSpan(0, GetBodySize(_keySize));

    /// <summary>False for the ARK of Naples as AMD first published it: 576 bytes, without its self-signature.</summary>
    public bool HasSignature => _bytes.Length > GetBodySize(_keySize);

    /// <summary>SHA-256 over the key's SubjectPublicKeyInfo, by which root keys are pinned.</summary>
    public byte[] GetKeyFingerprint() => AmdRsaKey.GetFingerprint(PublicKey);

    /// <summary>Reads a certificate.</summary>
    /// <param name="bytes">The certificate and nothing after it.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static AmdCertificate Parse(ReadOnlySpan<byte> bytes, string input)
    {
        AmdCertificate certificate = ParsePrefix(bytes, input, out int consumed);
        return consumed == bytes.Length
            ? certificate
            : throw new SevFormatException(input, "signature", $"{bytes.Length - consumed} bytes follow the certificate");
    }

    /// <summary>Reads a certificate that others may follow.</summary>
    /// <param name="bytes">The certificate and what comes after it.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <param name="consumed">Bytes that belong to the certificate.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static AmdCertificate ParsePrefix(ReadOnlySpan<byte> bytes, string input, out int consumed)
    {
        if (bytes.Length < HeaderSize)
        {
            throw new SevFormatException(input, "header", $"an AMD certificate starts with {HeaderSize} bytes, here are {bytes.Length}");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (version != CurrentVersion)
        {
            throw new SevFormatException(input, "version", $"{version} is not {CurrentVersion}");
        }

        SevKeyUsage usage = (SevKeyUsage)BinaryPrimitives.ReadUInt32LittleEndian(bytes[UsageOffset..]);
        if (usage is not (SevKeyUsage.Ark or SevKeyUsage.Ask))
        {
            throw new SevFormatException(input, "key_usage", $"{usage.ToName()} is neither ARK (0x0) nor ASK (0x13)");
        }

        uint exponentBits = BinaryPrimitives.ReadUInt32LittleEndian(bytes[ExponentBitsOffset..]);
        uint modulusBits = BinaryPrimitives.ReadUInt32LittleEndian(bytes[ModulusBitsOffset..]);
        if (modulusBits is not (2048 or 4096))
        {
            throw new SevFormatException(input, "modulus_size", $"{modulusBits} bits is neither 2048 nor 4096");
        }

        if (exponentBits != modulusBits)
        {
            throw new SevFormatException(input, "pub_exp_size", $"{exponentBits} bits differs from the modulus's {modulusBits}");
        }

        int keySize = (int)modulusBits / 8;
        int bodySize = GetBodySize(keySize);
        if (bytes.Length < bodySize)
        {
            throw new SevFormatException(input, "modulus", $"the certificate ends after {bytes.Length} bytes; {bodySize} are needed");
        }

        ReadOnlySpan<byte> exponent = bytes.Slice(HeaderSize, keySize);
        ReadOnlySpan<byte> modulus = bytes[(HeaderSize + keySize)..bodySize];
        if (!AmdRsaKey.TryRead(exponent, modulus, out RSAParameters key, out string? problem))
        {
            throw new SevFormatException(input, "modulus", problem);
        }

        // AMD first published the ARK of Naples without its signature. The key is what is pinned, so that file is as good as any.
        bool lacksSignature = bytes.Length == bodySize && usage == SevKeyUsage.Ark;
        consumed = lacksSignature ? bodySize : bodySize + keySize;
        return bytes.Length >= consumed
            ? new AmdCertificate(bytes[..consumed].ToArray(), keySize, key)
            : throw new SevFormatException(input, "signature", $"the certificate ends after {bytes.Length} bytes; {consumed} are needed");
    }

    /// <summary>Makes a certificate and signs it. For the model's own hierarchy: nobody but AMD can make AMD's.</summary>
    /// <param name="usage">ARK or ASK.</param>
    /// <param name="keyId">The key's name, 16 bytes.</param>
    /// <param name="certifyingId">The signer's name, 16 bytes; the key's own for an ARK.</param>
    /// <param name="key">The public key, of 2048 or 4096 bits; its private part is not looked at.</param>
    /// <param name="signer">The signer's private key, of the same size.</param>
    /// <exception cref="ArgumentException">A size or the usage is wrong.</exception>
    public static AmdCertificate Create(
        SevKeyUsage usage,
        ReadOnlySpan<byte> keyId,
        ReadOnlySpan<byte> certifyingId,
        in RSAParameters key,
        RSA signer)
    {
        if (usage is not (SevKeyUsage.Ark or SevKeyUsage.Ask) || keyId.Length != IdSize || certifyingId.Length != IdSize)
        {
            throw new ArgumentException($"{usage.ToName()} with names of {keyId.Length} and {certifyingId.Length} bytes", nameof(usage));
        }

        int keySize = key.Modulus?.Length ?? 0;
        if (keySize is not (256 or 512) || signer.KeySize != keySize * 8)
        {
            throw new ArgumentException($"a key of {keySize * 8} bits signed by one of {signer.KeySize}", nameof(key));
        }

        byte[] bytes = new byte[GetBodySize(keySize) + keySize];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, CurrentVersion);
        keyId.CopyTo(bytes.AsSpan(KeyIdOffset));
        certifyingId.CopyTo(bytes.AsSpan(CertifyingIdOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(UsageOffset), (uint)usage);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ExponentBitsOffset), (uint)keySize * 8);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ModulusBitsOffset), (uint)keySize * 8);
        LittleEndianNumber.Write(key.Exponent, bytes.AsSpan(HeaderSize, keySize));
        LittleEndianNumber.Write(key.Modulus, bytes.AsSpan(HeaderSize + keySize, keySize));
        AmdCertificate certificate = new(bytes, keySize, new RSAParameters { Exponent = key.Exponent, Modulus = key.Modulus });
        AmdRsaKey.Sign(signer, certificate.Body, certificate.SignatureAlgorithm.ToHash(), bytes.AsSpan(GetBodySize(keySize)));
        return certificate;
    }

    /// <summary>The same certificate with the signature that its file lacks.</summary>
    /// <param name="signature">The signature, little-endian, as long as the modulus.</param>
    /// <exception cref="InvalidOperationException">It has a signature.</exception>
    /// <exception cref="ArgumentException">The signature has another length.</exception>
    public AmdCertificate WithSignature(ReadOnlySpan<byte> signature)
    {
        if (HasSignature)
        {
            throw new InvalidOperationException("the certificate is signed");
        }

        return signature.Length == _keySize
            ? new AmdCertificate([.. _bytes, .. signature], _keySize, PublicKey)
            : throw new ArgumentException($"a signature of {signature.Length} bytes by a key of {_keySize}", nameof(signature));
    }

    /// <summary>Verifies that a root key signed this certificate.</summary>
    /// <param name="signer">The ARK; this certificate itself when it is one.</param>
    /// <param name="reason">What was found, in words, whatever the answer.</param>
    public bool IsSignedBy(AmdCertificate signer, out string reason)
    {
        if (signer.Usage != SevKeyUsage.Ark)
        {
            reason = $"an {Usage.ToName()} is never signed by an {signer.Usage.ToName()}";
            return false;
        }

        if (!CertifyingId.SequenceEqual(signer.KeyId))
        {
            string named = Convert.ToHexStringLower(CertifyingId);
            reason = $"the certifying id {named} is not the ARK's {Convert.ToHexStringLower(signer.KeyId)}";
            return false;
        }

        if (!HasSignature)
        {
            reason = "the file holds no signature";
            return false;
        }

        ReadOnlySpan<byte> signature = _bytes.AsSpan(GetBodySize(_keySize));
        bool valid = AmdRsaKey.Verify(signer.PublicKey, Body, signer.SignatureAlgorithm.ToHash(), signature);
        reason = $"the signature by the ARK ({signer.SignatureAlgorithm.ToName()}) {(valid ? "verifies" : "does not verify")}";
        return valid;
    }

    private static int GetBodySize(int keySize) => HeaderSize + (2 * keySize);
}
