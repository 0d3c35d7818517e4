using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Certificates;

/// <summary>Chains and revocation lists under a root of our own, made by the BCL: what AMD's real files cannot show.</summary>
public sealed class X509ModelTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset At = Start.AddYears(1);
    private static readonly DateTimeOffset End = Start.AddYears(5);

    private readonly RSA _arkKey = RSA.Create(2048);
    private readonly RSA _askKey = RSA.Create(2048);
    private readonly ECDsa _vcekKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    private readonly X509Certificate2 _ark;
    private readonly X509Certificate2 _ask;
    private readonly TrustAnchors _anchors;

    public X509ModelTests()
    {
        CertificateRequest arkRequest = MakeRequest("ARK-Model", _arkKey);
        arkRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        arkRequest.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        _ark = arkRequest.CreateSelfSigned(Start, End);
        CertificateRequest askRequest = MakeRequest("SEV-Model", _askKey);
        askRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        askRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _ask = askRequest.Create(_ark.SubjectName, ArkSigner, Start, End, [1, 2, 3]);
        _anchors = TrustAnchors.AmdOnly.AlsoTrusting(Parse(_ark).GetKeyFingerprint(), "Model");
    }

    private X509SignatureGenerator ArkSigner => X509SignatureGenerator.CreateForRSA(_arkKey, RSASignaturePadding.Pss);

    [Fact]
    public void Verify_ModelsChain_PassesOnlyWhereAskedFor()
    {
        AmdX509Chain chain = new(Parse(_ark), Parse(_ask), Parse(MakeVcek()));

        VerificationReport trusted = chain.Verify(_anchors, At, MakeList());
        VerificationReport refused = chain.Verify(TrustAnchors.AmdOnly, At, MakeList());

        Assert.False(trusted.HasFailures, trusted.ToString());
        Assert.Contains("NOT AMD's", trusted.Find("ark.pinned")!.Detail, StringComparison.Ordinal);
        Assert.Equal(CheckOutcome.NotChecked, trusted.Find("vcek.product")!.Outcome);
        Assert.Equal(["ark.pinned"], refused.Failures.Select(check => check.Name));
    }

    [Fact]
    public void Verify_CriticalExtensionThatNobodyKnows_Fails()
    {
        AmdX509Chain chain = new(Parse(_ark), Parse(_ask), Parse(MakeVcek(new X509Extension("1.2.3.4", [5, 0], critical: true))));

        VerificationReport report = chain.Verify(_anchors, At, null);

        Assert.Equal(["vcek.extensions"], report.Failures.Select(check => check.Name));
        Assert.Contains("1.2.3.4", report.Find("vcek.extensions")!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void IsSignedBy_KeyThatMayNotCertify_Fails()
    {
        CertificateRequest request = MakeRequest("SEV-Model", _askKey);
        using X509Certificate2 noAuthority = request.Create(_ark.SubjectName, ArkSigner, Start, End, [9]);

        Assert.True(Parse(MakeVcek()).IsSignedBy(Parse(_ask), out _));
        Assert.False(Parse(MakeVcek()).IsSignedBy(Parse(noAuthority), out string reason));
        Assert.Contains("no certificate authority", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OtherSignatureAlgorithms_AreRefused()
    {
        CertificateRequest pkcs1 = new("CN=ARK-Model", _arkKey, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1);
        CertificateRequest sha256 = new("CN=ARK-Model", _arkKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        CertificateRequest elliptic = new("CN=ARK-Model", _vcekKey, HashAlgorithmName.SHA384);

        foreach (CertificateRequest request in (CertificateRequest[])[pkcs1, sha256, elliptic])
        {
            using X509Certificate2 certificate = request.CreateSelfSigned(Start, End);
            SevFormatException refusal = Assert.Throws<SevFormatException>(() => Parse(certificate));
            Assert.Equal("signatureAlgorithm", refusal.Field);
        }
    }

    [Fact]
    public void Verify_SignerOrRootRevoked_Fails()
    {
        AmdX509Chain chain = new(Parse(_ark), Parse(_ask), null);

        Assert.Equal(CheckOutcome.Pass, chain.Verify(_anchors, At, MakeList()).Find("crl")!.Outcome);
        Assert.Equal(CheckOutcome.Pass, chain.Verify(_anchors, At, MakeList([4, 5])).Find("crl")!.Outcome);
        CheckResult revokedSigner = chain.Verify(_anchors, At, MakeList([4, 5], [1, 2, 3])).Find("crl")!;
        Assert.Equal(CheckOutcome.Fail, revokedSigner.Outcome);
        Assert.Contains("\"SEV-Model\" is revoked", revokedSigner.Detail, StringComparison.Ordinal);
        Assert.Equal(CheckOutcome.Fail, chain.Verify(_anchors, At, MakeList(_ark.SerialNumberBytes.ToArray())).Find("crl")!.Outcome);
    }

    [Fact]
    public void Verify_ListOutOfDateOrBySomebodyElse_Fails()
    {
        AmdX509Chain chain = new(Parse(_ark), Parse(_ask), null);
        using RSA stranger = RSA.Create(2048);
        CertificateRevocationListBuilder builder = new();
        byte[] forged = builder.Build(
            _ark.SubjectName,
            X509SignatureGenerator.CreateForRSA(stranger, RSASignaturePadding.Pss),
            1,
            At.AddDays(30),
            HashAlgorithmName.SHA384,
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier([1]),
            At.AddDays(-1));

        Assert.Equal(CheckOutcome.Fail, chain.Verify(_anchors, At.AddDays(31), MakeList()).Find("crl")!.Outcome);
        Assert.Equal(CheckOutcome.Fail, chain.Verify(_anchors, At.AddDays(-2), MakeList()).Find("crl")!.Outcome);
        Assert.Equal(CheckOutcome.Pass, chain.Verify(_anchors, At.AddDays(29), MakeList()).Find("crl")!.Outcome);
        CheckResult check = chain.Verify(_anchors, At, CertificateRevocationList.Parse(forged, "forged")).Find("crl")!;
        Assert.Equal(CheckOutcome.Fail, check.Outcome);
        Assert.Contains("does not verify", check.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_List_CountsItsEntries()
    {
        CertificateRevocationList list = MakeList([4, 5], [6]);

        Assert.Equal(2, list.Count);
        Assert.Equal(At.AddDays(-1), list.ThisUpdate);
        Assert.Equal(At.AddDays(30), list.NextUpdate);
        Assert.False(list.IsRevoked(Parse(_ask)));
    }

    [Fact]
    public void Read_ListAsDerOrPem_IsTheSame()
    {
        byte[] der = BuildList([4, 5]);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, der);
            Assert.Equal(1, CertificateRevocationList.Read(path).Count);
            File.WriteAllText(path, PemEncoding.WriteString("X509 CRL", der));
            Assert.True(CertificateRevocationList.Read(path).IsSignedBy(Parse(_ark), out string reason), reason);
            File.WriteAllText(path, PemEncoding.WriteString("CERTIFICATE", der));
            Assert.Throws<SevFormatException>(() => CertificateRevocationList.Read(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Parse_ListTruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = BuildList([4, 5], [1, 2, 3]);
        AmdX509Certificate ark = Parse(_ark);
        Fuzz.Truncate(valid, bytes => Assert.Throws<SevFormatException>(() => CertificateRevocationList.Parse(bytes, "fuzz")));
        Fuzz.Mutate([valid], bytes =>
        {
            CertificateRevocationList list = CertificateRevocationList.Parse(bytes, "fuzz");
            Assert.False(list.IsSignedBy(ark, out _) && !bytes.AsSpan().SequenceEqual(valid));
        });
    }

    [Theory]
    [InlineData("1.3.6.1.4.1.3704.1.3.1", "0201", "1.3.6.1.4.1.3704.1.3.1")]
    [InlineData("1.3.6.1.4.1.3704.1.3.1", "02020100", "1.3.6.1.4.1.3704.1.3.1")]
    [InlineData("1.3.6.1.4.1.3704.1.3.1", "0201FF", "1.3.6.1.4.1.3704.1.3.1")]
    [InlineData("1.3.6.1.4.1.3704.1.2", "0500", "1.3.6.1.4.1.3704.1.2")]
    [InlineData("1.3.6.1.4.1.3704.1.4", "0102030405", "1.3.6.1.4.1.3704.1.4")]
    [InlineData("1.3.6.1.4.1.3704.1.1", null, "extensions")]
    public void Read_BadEndorsementExtension_IsNamed(string oid, string? value, string field)
    {
        List<X509Extension> extensions = MakeExtensions();
        extensions.RemoveAll(extension => extension.Oid!.Value == oid);
        if (value is not null)
        {
            extensions.Add(new X509Extension(oid, Convert.FromHexString(value), critical: false));
        }

        using X509Certificate2 vcek = MakeVcek(extensions);

        Assert.Equal(field, Assert.Throws<SevFormatException>(() => EndorsementExtensions.Read(Parse(vcek))).Field);
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(64, true)]
    [InlineData(8, false)]
    [InlineData(8, true)]
    public void Read_HardwareIdBareOrWrapped_IsTheSame(int size, bool isWrapped)
    {
        // Bytes that look like an OCTET STRING's head must not be taken for one.
        byte[] id = [.. Enumerable.Range(4, size).Select(value => (byte)value)];
        List<X509Extension> extensions = MakeExtensions();
        extensions.Add(new X509Extension("1.3.6.1.4.1.3704.1.4", isWrapped ? [4, (byte)size, .. id] : id, critical: false));
        using X509Certificate2 vcek = MakeVcek(extensions);

        Assert.Equal(id, EndorsementExtensions.Read(Parse(vcek)).HardwareId!.Value.ToArray());
    }

    public void Dispose()
    {
        _ark.Dispose();
        _ask.Dispose();
        _arkKey.Dispose();
        _askKey.Dispose();
        _vcekKey.Dispose();
    }

    private static CertificateRequest MakeRequest(string name, RSA key) =>
        new($"CN={name}", key, HashAlgorithmName.SHA384, RSASignaturePadding.Pss);

    private static AmdX509Certificate Parse(X509Certificate2 certificate) =>
        AmdX509Certificate.Parse(certificate.RawData, certificate.Subject);

    private static List<X509Extension> MakeExtensions()
    {
        List<X509Extension> extensions =
        [
            new("1.3.6.1.4.1.3704.1.1", [2, 1, 0], critical: false),
            new("1.3.6.1.4.1.3704.1.2", MakeText("Model-A0"), critical: false),
        ];
        extensions.AddRange(((int[])[1, 2, 3, 8]).Select(
            arc => new X509Extension($"1.3.6.1.4.1.3704.1.3.{arc}", [2, 1, (byte)arc], critical: false)));
        return extensions;
    }

    private static byte[] MakeText(string text)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.WriteCharacterString(UniversalTagNumber.IA5String, text);
        return writer.Encode();
    }

    private X509Certificate2 MakeVcek(X509Extension more) => MakeVcek([.. MakeExtensions(), more]);

    private X509Certificate2 MakeVcek() => MakeVcek(MakeExtensions());

    private X509Certificate2 MakeVcek(List<X509Extension> extensions)
    {
        CertificateRequest request = new("CN=SEV-VCEK", _vcekKey, HashAlgorithmName.SHA384);
        foreach (X509Extension extension in extensions)
        {
            request.CertificateExtensions.Add(extension);
        }

        X509SignatureGenerator signer = X509SignatureGenerator.CreateForRSA(_askKey, RSASignaturePadding.Pss);
        return request.Create(_ask.SubjectName, signer, Start, End, [0]);
    }

    private CertificateRevocationList MakeList(params byte[][] serials) => CertificateRevocationList.Parse(BuildList(serials), "crl");

    private byte[] BuildList(params byte[][] serials)
    {
        CertificateRevocationListBuilder builder = new();
        foreach (byte[] serial in serials)
        {
            builder.AddEntry(serial, At.AddDays(-2), X509RevocationReason.KeyCompromise);
        }

        return builder.Build(
            _ark.SubjectName,
            ArkSigner,
            1,
            At.AddDays(30),
            HashAlgorithmName.SHA384,
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier([1]),
            At.AddDays(-1));
    }
}
