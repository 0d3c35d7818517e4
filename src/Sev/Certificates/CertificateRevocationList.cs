using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// AMD's list of revoked certificates, signed by the ARK. It speaks about what the ARK signed (ASK and ASVK); a VCEK is never on it.
/// </summary>
/// <remarks>Source: RFC 5280, section 5.</remarks>
public sealed class CertificateRevocationList
{
    private readonly ReadOnlyMemory<byte> _signed;
    private readonly ReadOnlyMemory<byte> _signature;
    private readonly ReadOnlyMemory<byte> _issuer;
    private readonly HashSet<string> _serials;

    private CertificateRevocationList(
        ReadOnlyMemory<byte> signed,
        ReadOnlyMemory<byte> signature,
        ReadOnlyMemory<byte> issuer,
        DateTimeOffset thisUpdate,
        DateTimeOffset? nextUpdate,
        HashSet<string> serials)
    {
        _signed = signed;
        _signature = signature;
        _issuer = issuer;
        _serials = serials;
        ThisUpdate = thisUpdate;
        NextUpdate = nextUpdate;
    }

    /// <summary>When the list was made.</summary>
    public DateTimeOffset ThisUpdate { get; }

    /// <summary>When the next list is due; null where the list does not say.</summary>
    public DateTimeOffset? NextUpdate { get; }

    /// <summary>How many certificates are revoked.</summary>
    public int Count => _serials.Count;

    /// <summary>Reads a list.</summary>
    /// <param name="der">The DER of the list, as AMD's KDS hands it out.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static CertificateRevocationList Parse(ReadOnlySpan<byte> der, string input)
    {
        string field = "crl";
        try
        {
            AsnReader outer = new(der.ToArray(), AsnEncodingRules.DER);
            AsnReader list = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            ReadOnlyMemory<byte> signed = list.PeekEncodedValue();
            AsnReader body = list.ReadSequence();
            field = "signatureAlgorithm";
            ReadOnlyMemory<byte> algorithm = list.ReadEncodedValue();
            X509PssAlgorithm.Require(algorithm, input);
            field = "signature";
            byte[] signature = list.ReadBitString(out int unusedBits);
            list.ThrowIfNotEmpty();
            if (unusedBits != 0)
            {
                throw new SevFormatException(input, field, "it is no whole number of bytes");
            }

            return ReadBody(body, algorithm, signed, signature, input, ref field);
        }
        catch (AsnContentException fault)
        {
            throw new SevFormatException(input, field, "no valid DER", fault);
        }
    }

    /// <summary>Reads a list from a file, DER or PEM.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static CertificateRevocationList Read(string path)
    {
        byte[] content = EncodedBlob.ReadContent(path);
        string text = Encoding.Latin1.GetString(content);
        bool isPem = PemEncoding.TryFind(text, out PemFields found) && text.AsSpan()[found.Label].SequenceEqual("X509 CRL");
        return Parse(isPem ? Convert.FromBase64String(text[found.Base64Data]) : content, path);
    }

    /// <summary>True when the certificate is on the list.</summary>
    /// <param name="certificate">A certificate by the issuer of this list.</param>
    public bool IsRevoked(AmdX509Certificate certificate) => _serials.Contains(Convert.ToHexStringLower(certificate.Serial.Span));

    /// <summary>Verifies that a root key signed the list.</summary>
    /// <param name="signer">The ARK.</param>
    /// <param name="reason">What was found, in words, whatever the answer.</param>
    public bool IsSignedBy(AmdX509Certificate signer, out string reason)
    {
        if (!_issuer.Span.SequenceEqual(signer.Subject) || signer.RsaKey is not { } key)
        {
            reason = $"the list is not by \"{signer.SubjectName}\"";
            return false;
        }

        bool valid = X509PssAlgorithm.Verify(key, _signed.Span, _signature.Span);
        reason = $"the list's signature by \"{signer.SubjectName}\" {(valid ? "verifies" : "does not verify")}";
        return valid;
    }

    private static CertificateRevocationList ReadBody(
        AsnReader body,
        ReadOnlyMemory<byte> algorithm,
        ReadOnlyMemory<byte> signed,
        ReadOnlyMemory<byte> signature,
        string input,
        ref string field)
    {
        field = "version";
        if (!body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer) || !body.TryReadInt32(out int version) || version != 1)
        {
            throw new SevFormatException(input, field, "the list is not of version 2");
        }

        field = "signature";
        if (!body.ReadEncodedValue().Span.SequenceEqual(algorithm.Span))
        {
            throw new SevFormatException(input, field, "the algorithm inside differs from the one outside");
        }

        field = "issuer";
        ReadOnlyMemory<byte> issuer = body.ReadEncodedValue();
        field = "thisUpdate";
        DateTimeOffset thisUpdate = X509Fields.ReadTime(body);
        field = "nextUpdate";
        bool hasNextUpdate = body.HasData
            && (body.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) || body.PeekTag().HasSameClassAndValue(Asn1Tag.GeneralizedTime));
        DateTimeOffset? nextUpdate = hasNextUpdate ? X509Fields.ReadTime(body) : null;
        field = "revokedCertificates";
        HashSet<string> serials = [];
        if (body.HasData && body.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            AsnReader entries = body.ReadSequence();
            while (entries.HasData)
            {
                AsnReader entry = entries.ReadSequence();
                serials.Add(Convert.ToHexStringLower(entry.ReadIntegerBytes().Span));
                X509Fields.ReadTime(entry);
                if (entry.HasData)
                {
                    RefuseCritical(entry.ReadSequence(), input, field);
                }

                entry.ThrowIfNotEmpty();
            }
        }

        field = "crlExtensions";
        if (body.HasData)
        {
            RefuseCritical(body.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true)).ReadSequence(), input, field);
        }

        body.ThrowIfNotEmpty();
        return new CertificateRevocationList(signed, signature, issuer, thisUpdate, nextUpdate, serials);
    }

    // A critical extension changes what the list means (a list of differences, of another issuer's certificates): refuse what is unknown.
    private static void RefuseCritical(AsnReader extensions, string input, string field)
    {
        while (extensions.HasData)
        {
            AsnReader extension = extensions.ReadSequence();
            string oid = extension.ReadObjectIdentifier();
            bool isCritical = extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            if (isCritical)
            {
                throw new SevFormatException(input, field, $"the critical extension {oid} is unknown");
            }
        }
    }
}
