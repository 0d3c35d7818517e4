using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// An X.509 certificate of AMD's SNP hierarchy (ARK, ASK, ASVK, VCEK, VLEK). Read and verified by its keys alone: no system trust store,
/// no network. Immutable.
/// </summary>
/// <remarks>Source: RFC 5280; AMD VCEK/VLEK certificate and KDS interface specification 57230.</remarks>
public sealed class AmdX509Certificate
{
    private readonly byte[] _encoded;
    private readonly X509Fields _fields;

    private AmdX509Certificate(byte[] encoded, X509Fields fields)
    {
        _encoded = encoded;
        _fields = fields;
    }

    /// <summary>The DER of the whole certificate.</summary>
    public ReadOnlySpan<byte> Bytes => _encoded;

    /// <summary>The serial number, big-endian, in hex. AMD gives every VCEK the number 0.</summary>
    public string SerialNumber => Convert.ToHexStringLower(_fields.Serial.Span);

    /// <summary>The common name of the issuer; empty where there is none.</summary>
    public string IssuerName => _fields.IssuerName;

    /// <summary>The common name of the subject; empty where there is none.</summary>
    public string SubjectName => _fields.SubjectName;

    /// <summary>The first moment at which the certificate is valid.</summary>
    public DateTimeOffset NotBefore => _fields.NotBefore;

    /// <summary>The last moment at which the certificate is valid.</summary>
    public DateTimeOffset NotAfter => _fields.NotAfter;

    /// <summary>True when the certificate's basic constraints let it sign others.</summary>
    public bool IsAuthority => _fields.IsAuthority;

    /// <summary>The RSA key of an ARK, ASK or ASVK; null for other kinds of key.</summary>
    public RSAParameters? RsaKey => _fields.RsaKey;

    /// <summary>The P-384 key of a VCEK or VLEK; null for other kinds of key.</summary>
    public ECParameters? EcKey => _fields.EcKey;

    /// <summary>Critical extensions that this program does not know, by object identifier; a chain with one is refused.</summary>
    public IReadOnlyList<string> UnknownCriticalExtensions => _fields.UnknownCriticalExtensions;

    /// <summary>The place in AMD's hierarchy, by the subject's name.</summary>
    public AmdX509Role Role => SubjectName switch
    {
        "SEV-VCEK" => AmdX509Role.Vcek,
        "SEV-VLEK" => AmdX509Role.Vlek,
        _ when SubjectName.StartsWith("ARK-", StringComparison.Ordinal) => AmdX509Role.Ark,
        _ when SubjectName.StartsWith("SEV-VLEK-", StringComparison.Ordinal) => AmdX509Role.Asvk,
        _ when SubjectName.StartsWith("SEV-", StringComparison.Ordinal) => AmdX509Role.Ask,
        _ => AmdX509Role.Unknown,
    };

    internal ReadOnlySpan<byte> Subject => _fields.Subject.Span;

    internal ReadOnlySpan<byte> Issuer => _fields.Issuer.Span;

    internal ReadOnlyMemory<byte> Serial => _fields.Serial;

    internal string Input => _fields.Input;

    /// <summary>Reads a certificate.</summary>
    /// <param name="der">The DER of one certificate and nothing after it.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static AmdX509Certificate Parse(ReadOnlySpan<byte> der, string input)
    {
        byte[] encoded = der.ToArray();
        return new AmdX509Certificate(encoded, X509Fields.Parse(encoded, input));
    }

    /// <summary>The content of an extension.</summary>
    /// <param name="oid">The extension's object identifier, dotted.</param>
    /// <param name="value">What is inside the extension's OCTET STRING.</param>
    public bool TryGetExtension(string oid, out ReadOnlyMemory<byte> value) => _fields.Extensions.TryGetValue(oid, out value);

    /// <summary>Verifies that another certificate's key signed this one, and that the names and rights agree.</summary>
    /// <param name="signer">The issuer's certificate; this one itself for a root.</param>
    /// <param name="reason">What was found, in words, whatever the answer.</param>
    public bool IsSignedBy(AmdX509Certificate signer, out string reason)
    {
        if (!Issuer.SequenceEqual(signer.Subject))
        {
            reason = $"it names \"{IssuerName}\" as its issuer, not \"{signer.SubjectName}\"";
            return false;
        }

        if (signer.RsaKey is not { } key || !signer._fields.MayCertify)
        {
            reason = $"\"{signer.SubjectName}\" is no certificate authority with an RSA key";
            return false;
        }

        bool valid = X509PssAlgorithm.Verify(key, _fields.Signed.Span, _fields.Signature.Span);
        reason = $"the signature by \"{signer.SubjectName}\" {(valid ? "verifies" : "does not verify")}";
        return valid;
    }

    /// <summary>SHA-256 over the SubjectPublicKeyInfo, by which root keys are pinned.</summary>
    public byte[] GetKeyFingerprint() => SHA256.HashData(_fields.PublicKeyInfo.Span);

    /// <summary>The certificate as PEM text.</summary>
    public string ToPem() => PemEncoding.WriteString("CERTIFICATE", _encoded);
}
