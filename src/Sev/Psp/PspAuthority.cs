using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// What stands in AMD's place above software platforms: a root key (ARK) and a signing key (ASK), in AMD's binary format and as X.509.
/// Names and key ids say "KVMSEV MODEL"; the private keys are published, so nothing below this root proves anything. Verifiers refuse it
/// unless they are told to trust it.
/// </summary>
public static class PspAuthority
{
    private const string ArkName = "CN=ARK-KVMSEV-MODEL,O=kvmsev software PSP (not AMD),OU=Engineering";
    private const string AskName = "CN=SEV-KVMSEV-MODEL,O=kvmsev software PSP (not AMD),OU=Engineering";
    private const string VcekName = "CN=SEV-VCEK,O=kvmsev software PSP (not AMD),OU=Engineering";
    private const string ExtensionPrefix = "1.3.6.1.4.1.3704.1.";

    private static readonly DateTimeOffset NotBefore = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset NotAfter = new(2049, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Lazy<AskArk> BinaryCertificates = new(CreateBinary);
    private static readonly Lazy<(byte[] Ark, byte[] Ask)> X509Certificates = new(CreateX509);

    /// <summary>The model's name for its ARK in AMD's binary format, 16 characters.</summary>
    public static ReadOnlySpan<byte> ArkKeyId => "KVMSEV-MODEL-ARK"u8;

    /// <summary>The model's name for its ASK in AMD's binary format, 16 characters.</summary>
    public static ReadOnlySpan<byte> AskKeyId => "KVMSEV-MODEL-ASK"u8;

    /// <summary>What results call a chain that ends at the model's root.</summary>
    public static string RootName => "kvmsev software PSP";

    /// <summary>The model's ASK and ARK: its <c>ask_ark</c> file. Made once for each process; only signatures differ between two.</summary>
    public static AskArk Certificates => BinaryCertificates.Value;

    /// <summary>AMD's root keys and the model's: for a verifier that was told in so many words to trust the model.</summary>
    public static TrustAnchors TrustingModel => TrustAnchors.AmdOnly.AlsoTrusting(Certificates.Ark.GetKeyFingerprint(), RootName);

    /// <summary>The X.509 certificates of the model's ARK and ASK.</summary>
    internal static (AmdX509Certificate Ark, AmdX509Certificate Ask) GetX509() => (
        AmdX509Certificate.Parse(X509Certificates.Value.Ark, "model ARK"),
        AmdX509Certificate.Parse(X509Certificates.Value.Ask, "model ASK"));

    /// <summary>Signs a CEK, as AMD's key distribution service hands it out.</summary>
    /// <param name="cek">The unsigned certificate.</param>
    internal static SevCertificate SignCek(SevCertificate cek)
    {
        using RSA ask = Import(PspModelKeys.Ask);
        return cek.Sign(ask, SevKeyUsage.Ask, SevKeyAlgorithm.RsaSha384);
    }

    /// <summary>Makes the certificate of a VCEK.</summary>
    /// <param name="vcek">The key.</param>
    /// <param name="productName">The product, as AMD writes it: <c>Milan-B0</c>.</param>
    /// <param name="chipId">The chip's id, 64 bytes.</param>
    /// <param name="tcb">The versions that the key stands for.</param>
    internal static AmdX509Certificate CreateVcek(PspKey vcek, string productName, ReadOnlySpan<byte> chipId, TcbVersion tcb)
    {
        using RSA ask = Import(PspModelKeys.Ask);
        using ECDsa key = vcek.ToSigner();
        CertificateRequest request = new(new X500DistinguishedName(VcekName), key, HashAlgorithmName.SHA384);
        AddInteger(request, "1", 0);
        AsnWriter name = new(AsnEncodingRules.DER);
        name.WriteCharacterString(UniversalTagNumber.IA5String, productName);
        Add(request, "2", name.Encode());
        AddInteger(request, "3.1", tcb.BootLoader);
        AddInteger(request, "3.2", tcb.Tee);
        AddInteger(request, "3.3", tcb.Snp);
        AddInteger(request, "3.8", tcb.Microcode);
        Add(request, "4", chipId.ToArray());
        using X509Certificate2 made = request.Create(
            new X500DistinguishedName(AskName),
            X509SignatureGenerator.CreateForRSA(ask, RSASignaturePadding.Pss),
            NotBefore,
            NotAfter,
            [0]);
        return AmdX509Certificate.Parse(made.RawData, "model VCEK");
    }

    private static AskArk CreateBinary()
    {
        using RSA ark = Import(PspModelKeys.Ark);
        using RSA ask = Import(PspModelKeys.Ask);
        return new AskArk(
            AmdCertificate.Create(SevKeyUsage.Ask, AskKeyId, ArkKeyId, ask.ExportParameters(false), ark),
            AmdCertificate.Create(SevKeyUsage.Ark, ArkKeyId, ArkKeyId, ark.ExportParameters(false), ark));
    }

    private static (byte[] Ark, byte[] Ask) CreateX509()
    {
        using RSA arkKey = Import(PspModelKeys.Ark);
        using RSA askKey = Import(PspModelKeys.Ask);
        X509SignatureGenerator signer = X509SignatureGenerator.CreateForRSA(arkKey, RSASignaturePadding.Pss);
        X500DistinguishedName arkName = new(ArkName);
        using X509Certificate2 ark = MakeAuthority(arkName, arkKey).Create(arkName, signer, NotBefore, NotAfter, [1]);
        using X509Certificate2 ask = MakeAuthority(new X500DistinguishedName(AskName), askKey)
            .Create(arkName, signer, NotBefore, NotAfter, [2]);
        return (ark.RawData, ask.RawData);
    }

    private static CertificateRequest MakeAuthority(X500DistinguishedName name, RSA key)
    {
        CertificateRequest request = new(name, key, HashAlgorithmName.SHA384, RSASignaturePadding.Pss);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        return request;
    }

    private static void AddInteger(CertificateRequest request, string arc, int value)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.WriteInteger(value);
        Add(request, arc, writer.Encode());
    }

    private static void Add(CertificateRequest request, string arc, byte[] value) =>
        request.CertificateExtensions.Add(new X509Extension(ExtensionPrefix + arc, value, critical: false));

    private static RSA Import(string key)
    {
        RSA rsa = RSA.Create();
        rsa.ImportRSAPrivateKey(Convert.FromBase64String(key), out _);
        return rsa;
    }
}
