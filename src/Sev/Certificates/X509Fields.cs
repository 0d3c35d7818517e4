using System.Formats.Asn1;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>The fields of an X.509 certificate as they stand in its DER.</summary>
/// <remarks>Source: RFC 5280, section 4.</remarks>
internal sealed class X509Fields
{
    private const string BasicConstraints = "2.5.29.19";
    private const string KeyUsage = "2.5.29.15";
    private const string RsaEncryption = "1.2.840.113549.1.1.1";
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private const string Secp384R1 = "1.3.132.0.34";
    private const int P384Size = 48;
    private const int KeyCertSign = 1 << 5;

    private X509Fields(string input)
    {
        Input = input;
    }

    internal string Input { get; }

    internal ReadOnlyMemory<byte> Signed { get; private set; }

    internal ReadOnlyMemory<byte> Signature { get; private set; }

    internal ReadOnlyMemory<byte> Serial { get; private set; }

    internal ReadOnlyMemory<byte> Issuer { get; private set; }

    internal string IssuerName { get; private set; } = string.Empty;

    internal DateTimeOffset NotBefore { get; private set; }

    internal DateTimeOffset NotAfter { get; private set; }

    internal ReadOnlyMemory<byte> Subject { get; private set; }

    internal string SubjectName { get; private set; } = string.Empty;

    internal ReadOnlyMemory<byte> PublicKeyInfo { get; private set; }

    internal RSAParameters? RsaKey { get; private set; }

    internal ECParameters? EcKey { get; private set; }

    internal Dictionary<string, ReadOnlyMemory<byte>> Extensions { get; } = [];

    internal List<string> UnknownCriticalExtensions { get; } = [];

    internal bool IsAuthority { get; private set; }

    /// <summary>True when basic constraints and key usage both let the key sign certificates.</summary>
    internal bool MayCertify { get; private set; }

    /// <summary>Reads a certificate's fields.</summary>
    /// <param name="der">The DER of the certificate; kept.</param>
    /// <param name="input">What it is, for messages.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    internal static X509Fields Parse(ReadOnlyMemory<byte> der, string input)
    {
        X509Fields fields = new(input);
        string field = "certificate";
        try
        {
            AsnReader outer = new(der, AsnEncodingRules.DER);
            AsnReader certificate = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            fields.Signed = certificate.PeekEncodedValue();
            AsnReader signed = certificate.ReadSequence();
            field = "signatureAlgorithm";
            ReadOnlyMemory<byte> algorithm = certificate.ReadEncodedValue();
            X509PssAlgorithm.Require(algorithm, input);
            field = "signature";
            fields.Signature = certificate.ReadBitString(out int unusedBits);
            certificate.ThrowIfNotEmpty();
            if (unusedBits != 0)
            {
                throw new SevFormatException(input, field, "it is no whole number of bytes");
            }

            fields.ReadSigned(signed, algorithm, ref field);
            return fields;
        }
        catch (AsnContentException fault)
        {
            throw new SevFormatException(input, field, "no valid DER", fault);
        }
    }

    /// <summary>The common name in a distinguished name; empty where there is none.</summary>
    /// <param name="name">The DER of the name.</param>
    /// <exception cref="AsnContentException">It is no valid DER.</exception>
    internal static string ReadCommonName(ReadOnlyMemory<byte> name)
    {
        const string CommonName = "2.5.4.3";
        string found = string.Empty;
        AsnReader relativeNames = new AsnReader(name, AsnEncodingRules.DER).ReadSequence();
        while (relativeNames.HasData)
        {
            AsnReader relativeName = relativeNames.ReadSetOf();
            while (relativeName.HasData)
            {
                AsnReader attribute = relativeName.ReadSequence();
                bool isCommonName = attribute.ReadObjectIdentifier() == CommonName;
                Asn1Tag tag = attribute.PeekTag();
                UniversalTagNumber type = (UniversalTagNumber)tag.TagValue;
                if (tag.TagClass == TagClass.Universal && type is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString)
                {
                    string text = attribute.ReadCharacterString(type);
                    found = isCommonName ? text : found;
                }
                else
                {
                    attribute.ReadEncodedValue();
                }

                attribute.ThrowIfNotEmpty();
            }
        }

        return found;
    }

    /// <summary>Reads UTCTime or GeneralizedTime.</summary>
    /// <param name="reader">The reader, at the time.</param>
    /// <exception cref="AsnContentException">It is neither.</exception>
    internal static DateTimeOffset ReadTime(AsnReader reader) =>
        reader.PeekTag().HasSameClassAndValue(Asn1Tag.GeneralizedTime) ? reader.ReadGeneralizedTime() : reader.ReadUtcTime();

    private void ReadSigned(AsnReader signed, ReadOnlyMemory<byte> algorithm, ref string field)
    {
        field = "version";
        Asn1Tag versionTag = new(TagClass.ContextSpecific, 0, isConstructed: true);
        if (!signed.PeekTag().HasSameClassAndValue(versionTag)
            || !signed.ReadSequence(versionTag).TryReadInt32(out int version) || version != 2)
        {
            throw new SevFormatException(Input, field, "the certificate is not of version 3");
        }

        field = "serialNumber";
        Serial = signed.ReadIntegerBytes();
        field = "signature";
        if (!signed.ReadEncodedValue().Span.SequenceEqual(algorithm.Span))
        {
            throw new SevFormatException(Input, field, "the algorithm inside differs from the one outside");
        }

        field = "issuer";
        Issuer = signed.ReadEncodedValue();
        IssuerName = ReadCommonName(Issuer);
        field = "validity";
        AsnReader validity = signed.ReadSequence();
        NotBefore = ReadTime(validity);
        NotAfter = ReadTime(validity);
        validity.ThrowIfNotEmpty();
        field = "subject";
        Subject = signed.ReadEncodedValue();
        SubjectName = ReadCommonName(Subject);
        field = "subjectPublicKeyInfo";
        PublicKeyInfo = signed.ReadEncodedValue();
        ReadKey();
        field = "extensions";
        if (signed.HasData)
        {
            ReadExtensions(signed.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 3, isConstructed: true)).ReadSequence());
            signed.ThrowIfNotEmpty();
        }
    }

    private void ReadKey()
    {
        const string Field = "subjectPublicKeyInfo";
        AsnReader info = new AsnReader(PublicKeyInfo, AsnEncodingRules.DER).ReadSequence();
        AsnReader algorithm = info.ReadSequence();
        byte[] key = info.ReadBitString(out _);
        info.ThrowIfNotEmpty();
        string oid = algorithm.ReadObjectIdentifier();
        if (oid == RsaEncryption)
        {
            AsnReader numbers = new AsnReader(key, AsnEncodingRules.DER).ReadSequence();
            byte[] modulus = ReadPositive(numbers);
            byte[] exponent = ReadPositive(numbers);
            Array.Reverse(modulus);
            Array.Reverse(exponent);
            if (modulus.Length is not (256 or 512)
                || !AmdRsaKey.TryRead(exponent, modulus, out RSAParameters rsa, out _))
            {
                throw new SevFormatException(Input, Field, $"no usable RSA key of 2048 or 4096 bits: it has {modulus.Length * 8}");
            }

            RsaKey = rsa;
            return;
        }

        if (oid != EcPublicKey || algorithm.ReadObjectIdentifier() != Secp384R1)
        {
            throw new SevFormatException(Input, Field, $"{oid} is neither RSA nor P-384");
        }

        if (key.Length != 1 + (2 * P384Size) || key[0] != 4)
        {
            throw new SevFormatException(Input, Field, "the P-384 key is no uncompressed point");
        }

        EcKey = new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP384,
            Q = new ECPoint { X = key[1..(1 + P384Size)], Y = key[(1 + P384Size)..] },
        };
    }

    private static byte[] ReadPositive(AsnReader reader)
    {
        ReadOnlySpan<byte> bytes = reader.ReadIntegerBytes().Span;

        // A set top bit makes the number negative; no key has one, and the caller refuses what is empty.
        return bytes switch
        {
            [0, _, ..] => bytes[1..].ToArray(),
            [< 0x80, ..] => bytes.ToArray(),
            _ => [],
        };
    }

    private void ReadExtensions(AsnReader extensions)
    {
        int? usage = null;
        while (extensions.HasData)
        {
            AsnReader extension = extensions.ReadSequence();
            string oid = extension.ReadObjectIdentifier();
            bool isCritical = extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            byte[] value = extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            if (!Extensions.TryAdd(oid, value))
            {
                throw new SevFormatException(Input, "extensions", $"{oid} stands there twice");
            }

            if (oid == BasicConstraints)
            {
                AsnReader constraints = new AsnReader(value, AsnEncodingRules.DER).ReadSequence();
                IsAuthority = constraints.HasData
                    && constraints.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean)
                    && constraints.ReadBoolean();
            }
            else if (oid == KeyUsage)
            {
                byte[] bits = new AsnReader(value, AsnEncodingRules.DER).ReadBitString(out _);

                // Bit 0 of the BIT STRING is the top bit of its first byte; keyCertSign is bit 5.
                usage = bits.Length > 0 && (bits[0] & (0x80 >> 5)) != 0 ? KeyCertSign : 0;
            }
            else if (isCritical)
            {
                UnknownCriticalExtensions.Add(oid);
            }
        }

        MayCertify = IsAuthority && usage is null or KeyCertSign;
    }
}
