using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Tests.Attestation;

/// <summary>A SEV-SNP platform whose keys are all known: ARK, ASK, ASVK, VCEK and VLEK of the same shape as AMD's, by the BCL.</summary>
internal sealed class ModelSnpPlatform : IDisposable
{
    internal static readonly DateTimeOffset At = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    internal static readonly TcbVersion Tcb = TcbVersion.Create(null, 4, 1, 24, 219);
    internal static readonly byte[] ChipId = [.. Enumerable.Range(1, 64).Select(value => (byte)value)];

    private const string Provider = "cloud.example";

    private readonly RSA _arkKey = RSA.Create(2048);
    private readonly RSA _askKey = RSA.Create(2048);
    private readonly X509Certificate2 _ark;

    internal ModelSnpPlatform()
    {
        CertificateRequest request = MakeAuthority("ARK-Model", _arkKey);
        _ark = request.CreateSelfSigned(At.AddYears(-1), At.AddYears(1));
        Ark = Parse(_ark);
        Ask = MakeSigner("SEV-Model");
        Asvk = MakeSigner("SEV-VLEK-Model");
        Anchors = TrustAnchors.AmdOnly.AlsoTrusting(Ark.GetKeyFingerprint(), "Model");
    }

    internal ECDsa EndorsementKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP384);

    internal AmdX509Certificate Ark { get; }

    internal AmdX509Certificate Ask { get; }

    internal AmdX509Certificate Asvk { get; }

    internal TrustAnchors Anchors { get; }

    internal CertificateRevocationList Revocations => CertificateRevocationList.Parse(
        new CertificateRevocationListBuilder().Build(
            _ark.SubjectName,
            X509SignatureGenerator.CreateForRSA(_arkKey, RSASignaturePadding.Pss),
            1,
            At.AddDays(30),
            HashAlgorithmName.SHA384,
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier([1]),
            At.AddDays(-1)),
        "crl");

    /// <summary>The chain of this platform's VCEK.</summary>
    internal AmdX509Chain MakeVcek(TcbVersion? tcb = null, byte[]? chipId = null, string product = "Milan-B0") =>
        new(Ark, Ask, MakeEndorsement("SEV-VCEK", "SEV-Model", tcb ?? Tcb, product, new X509Extension(Oid("4"), chipId ?? ChipId, false)));

    /// <summary>The chain of a provider's VLEK.</summary>
    internal AmdX509Chain MakeVlek(string provider = Provider) =>
        new(Ark, Asvk, MakeEndorsement("SEV-VLEK", "SEV-VLEK-Model", Tcb, "Milan", new X509Extension(Oid("5"), MakeText(provider), false)));

    /// <summary>What a guest of this platform would report.</summary>
    internal static SnpReportFields MakeFields() => new()
    {
        Measurement = SHA384.HashData("guest"u8),
        ReportData = SHA512.HashData("nonce"u8),
        HostData = SHA256.HashData("host"u8),
        IdKeyDigest = SHA384.HashData("id key"u8),
        AuthorKeyDigest = SHA384.HashData("author key"u8),
        HasAuthorKey = true,
        FamilyId = new byte[] { 1, 2, 3 },
        ImageId = new byte[] { 4, 5, 6 },
        GuestSvn = 5,
        ReportId = SHA256.HashData("report"u8),
        CurrentTcb = Tcb,
        ReportedTcb = Tcb,
        CommittedTcb = Tcb,
        LaunchTcb = Tcb,
        CurrentVersion = new SnpFirmwareVersion(1, 55, 29),
        CommittedVersion = new SnpFirmwareVersion(1, 55, 28),
        CpuidFamily = 25,
        CpuidModel = 1,
        CpuidStepping = 1,
        ChipId = ChipId,
        PlatformInfo = new SnpPlatformInfo(0x27),
    };

    /// <summary>Expectations that such a report meets, all of them.</summary>
    internal SnpReportExpectations Expect()
    {
        SnpReport report = MakeFields().Sign(EndorsementKey);
        return new SnpReportExpectations
        {
            Chain = MakeVcek(),
            Anchors = Anchors,
            At = At,
            Revocations = Revocations,
            ChipId = ChipId,
            Measurements = [report.Measurement.ToArray()],
            ReportData = report.ReportData.ToArray(),
            HostData = report.HostData.ToArray(),
            IdKeyDigest = report.IdKeyDigest.ToArray(),
            AuthorKeyDigest = report.AuthorKeyDigest.ToArray(),
            FamilyId = report.FamilyId.ToArray(),
            ImageId = report.ImageId.ToArray(),
            MinimumGuestSvn = 5,
            Vmpl = 0,
            Policy = report.Policy,
            AllowSmt = true,
            MinimumPolicyAbi = new SnpFirmwareVersion(0, 0, 0),
            MinimumTcb = Tcb,
            MinimumFirmware = report.CommittedVersion,
            RequiredPlatformInfo = 0x21,
        };
    }

    public void Dispose()
    {
        _ark.Dispose();
        _arkKey.Dispose();
        _askKey.Dispose();
        EndorsementKey.Dispose();
    }

    private static string Oid(string arc) => "1.3.6.1.4.1.3704.1." + arc;

    private static AmdX509Certificate Parse(X509Certificate2 certificate) =>
        AmdX509Certificate.Parse(certificate.RawData, certificate.Subject);

    private static CertificateRequest MakeAuthority(string name, RSA key)
    {
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA384, RSASignaturePadding.Pss);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        return request;
    }

    private static byte[] MakeText(string text)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.WriteCharacterString(UniversalTagNumber.IA5String, text);
        return writer.Encode();
    }

    private static byte[] MakeNumber(byte value)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.WriteInteger(value);
        return writer.Encode();
    }

    private AmdX509Certificate MakeSigner(string name)
    {
        using X509Certificate2 certificate = MakeAuthority(name, _askKey).Create(
            _ark.SubjectName,
            X509SignatureGenerator.CreateForRSA(_arkKey, RSASignaturePadding.Pss),
            At.AddYears(-1),
            At.AddYears(1),
            [1, 2, 3]);
        return Parse(certificate);
    }

    private AmdX509Certificate MakeEndorsement(string name, string issuer, TcbVersion tcb, string product, X509Extension holder)
    {
        CertificateRequest request = new($"CN={name}", EndorsementKey, HashAlgorithmName.SHA384);
        (string Arc, byte[] Value)[] extensions =
        [
            ("1", MakeNumber(0)), ("2", MakeText(product)), ("3.1", MakeNumber(tcb.BootLoader)), ("3.2", MakeNumber(tcb.Tee)),
            ("3.3", MakeNumber(tcb.Snp)), ("3.8", MakeNumber(tcb.Microcode)),
        ];
        foreach ((string arc, byte[] value) in extensions)
        {
            request.CertificateExtensions.Add(new X509Extension(Oid(arc), value, critical: false));
        }

        if (tcb.Fmc is { } fmc)
        {
            request.CertificateExtensions.Add(new X509Extension(Oid("3.9"), MakeNumber(fmc), critical: false));
        }

        request.CertificateExtensions.Add(holder);
        using X509Certificate2 certificate = request.Create(
            new X500DistinguishedName($"CN={issuer}"),
            X509SignatureGenerator.CreateForRSA(_askKey, RSASignaturePadding.Pss),
            At.AddYears(-1),
            At.AddYears(1),
            [0]);
        return Parse(certificate);
    }
}
