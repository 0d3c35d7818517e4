using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>RSA keys and RSASSA-PSS signatures as AMD's structures hold them: exponent, modulus and signature little-endian.</summary>
/// <remarks>Source: AMD SEV API 55766, RSA public key, RSA signature. PSS with MGF1 of the same hash, salt as long as the hash.</remarks>
public static class AmdRsaKey
{
    /// <summary>Makes a key from its two numbers.</summary>
    /// <param name="exponent">The public exponent, little-endian.</param>
    /// <param name="modulus">The modulus, little-endian: 256 or 512 bytes.</param>
    /// <param name="key">The public key.</param>
    /// <param name="problem">What is wrong with it, or null.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> exponent,
        ReadOnlySpan<byte> modulus,
        out RSAParameters key,
        [NotNullWhen(false)] out string? problem)
    {
        key = default;
        if (modulus.IsEmpty || modulus[^1] == 0 || (modulus[0] & 1) == 0)
        {
            problem = $"the modulus is not an odd number of {modulus.Length * 8} bits";
            return false;
        }

        int exponentSize = exponent.LastIndexOfAnyExcept((byte)0) + 1;

        // OpenSSL refuses public exponents above 64 bits, and even ones are no RSA at all.
        if (exponentSize is 0 or > 8 || (exponent[0] & 1) == 0 || (exponentSize == 1 && exponent[0] == 1))
        {
            problem = "the public exponent is not an odd number from 3 to 2^64";
            return false;
        }

        byte[] bigExponent = exponent[..exponentSize].ToArray();
        byte[] bigModulus = modulus.ToArray();
        Array.Reverse(bigExponent);
        Array.Reverse(bigModulus);
        key = new RSAParameters { Exponent = bigExponent, Modulus = bigModulus };
        problem = null;
        return true;
    }

    /// <summary>Verifies an RSASSA-PSS signature.</summary>
    /// <param name="key">The signer's public key.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="hash">The hash, also of MGF1; its length is the salt's.</param>
    /// <param name="signature">The signature, little-endian, in a field at least as long as the modulus.</param>
    /// <returns>False when it does not verify, is longer than the modulus, or the key cannot be used.</returns>
    public static bool Verify(in RSAParameters key, ReadOnlySpan<byte> data, HashAlgorithmName hash, ReadOnlySpan<byte> signature)
    {
        if (!LittleEndianNumber.TryRead(signature, key.Modulus!.Length, out byte[] bigEndian))
        {
            return false;
        }

        try
        {
            using RSA verifier = RSA.Create(new RSAParameters { Exponent = key.Exponent, Modulus = key.Modulus });
            return verifier.VerifyData(data, bigEndian, hash, RSASignaturePadding.Pss);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Signs with RSASSA-PSS.</summary>
    /// <param name="key">The signer's private key.</param>
    /// <param name="data">What to sign.</param>
    /// <param name="hash">The hash, also of MGF1; its length is the salt's.</param>
    /// <param name="signature">Where the signature goes, little-endian; the rest becomes zero.</param>
    public static void Sign(RSA key, ReadOnlySpan<byte> data, HashAlgorithmName hash, Span<byte> signature) =>
        LittleEndianNumber.Write(key.SignData(data, hash, RSASignaturePadding.Pss), signature);

    /// <summary>SHA-256 over the key's SubjectPublicKeyInfo (DER): the same for AMD's binary certificate and the X.509 one.</summary>
    /// <param name="key">A public key.</param>
    public static byte[] GetFingerprint(in RSAParameters key)
    {
        using RSA rsa = RSA.Create(new RSAParameters { Exponent = key.Exponent, Modulus = key.Modulus });
        return SHA256.HashData(rsa.ExportSubjectPublicKeyInfo());
    }
}
