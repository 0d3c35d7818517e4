using System.Formats.Asn1;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>The one signature algorithm in AMD's X.509 hierarchy: RSASSA-PSS, SHA-384, MGF1 of the same, 48 bytes of salt.</summary>
internal static class X509PssAlgorithm
{
    private const string RsassaPss = "1.2.840.113549.1.1.10";
    private const string Mgf1 = "1.2.840.113549.1.1.8";
    private const string Sha384 = "2.16.840.1.101.3.4.2.2";
    private const int SaltLength = 48;

    /// <summary>Reads an AlgorithmIdentifier and makes sure that it is this algorithm.</summary>
    /// <param name="encoded">The DER of the AlgorithmIdentifier.</param>
    /// <param name="input">What is read, for messages.</param>
    /// <exception cref="SevFormatException">It is another algorithm, or this one with other parameters.</exception>
    /// <exception cref="AsnContentException">It is no valid DER.</exception>
    internal static void Require(ReadOnlyMemory<byte> encoded, string input)
    {
        const string Field = "signatureAlgorithm";
        AsnReader algorithm = new AsnReader(encoded, AsnEncodingRules.DER).ReadSequence();
        string oid = algorithm.ReadObjectIdentifier();
        if (oid != RsassaPss)
        {
            throw new SevFormatException(input, Field, $"{oid} is not RSASSA-PSS ({RsassaPss})");
        }

        AsnReader parameters = algorithm.ReadSequence();
        algorithm.ThrowIfNotEmpty();
        string hash = ReadHash(parameters.ReadSequence(Tag(0)).ReadSequence());
        AsnReader mask = parameters.ReadSequence(Tag(1)).ReadSequence();
        string maskFunction = mask.ReadObjectIdentifier();
        string maskHash = ReadHash(mask.ReadSequence());
        if (!parameters.ReadSequence(Tag(2)).TryReadInt32(out int salt))
        {
            salt = -1;
        }

        // trailerField 1 is the default; AMD writes it out in some certificates all the same.
        int trailer = 1;
        if (parameters.HasData && !parameters.ReadSequence(Tag(3)).TryReadInt32(out trailer))
        {
            trailer = -1;
        }

        parameters.ThrowIfNotEmpty();
        if (hash != Sha384 || maskFunction != Mgf1 || maskHash != Sha384 || salt != SaltLength || trailer != 1)
        {
            throw new SevFormatException(input, Field, "RSASSA-PSS, but not with SHA-384, MGF1 of SHA-384, salt 48 and trailer 1");
        }
    }

    /// <summary>Verifies a signature.</summary>
    /// <param name="key">The signer's public key.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="signature">The signature, big-endian as X.509 has it.</param>
    internal static bool Verify(in RSAParameters key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        try
        {
            using RSA rsa = RSA.Create(key);
            return rsa.VerifyData(data, signature, HashAlgorithmName.SHA384, RSASignaturePadding.Pss);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string ReadHash(AsnReader identifier)
    {
        string oid = identifier.ReadObjectIdentifier();
        if (identifier.HasData)
        {
            identifier.ReadNull();
        }

        identifier.ThrowIfNotEmpty();
        return oid;
    }

    private static Asn1Tag Tag(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);
}
