using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Certificates;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Certificates;

public sealed class SevCertificateTests
{
    [Fact]
    public void IsSignedBy_NaplesVectors_AgreesWithTheOrigin()
    {
        JsonElement vectors = Vectors.Json("virtee-sev/chain.json");
        Dictionary<string, SevCertificate> sev = [];
        Dictionary<string, AmdCertificate> amd = [];
        foreach (string name in (string[])["cek", "oca", "pek", "pdh"])
        {
            sev[name] = SevCertificate.Parse(Vectors.Bytes($"virtee-sev/chain/naples/{name}.cert"), name);
        }

        foreach (string name in (string[])["ark", "ask"])
        {
            amd[name] = AmdCertificate.Parse(Vectors.Bytes($"virtee-sev/ca/naples/{name}.cert"), name);
        }

        amd["rome/ask"] = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/rome/ask.cert"), "rome/ask");
        int count = 0;
        foreach (JsonElement row in vectors.GetProperty("signer_child_expected").EnumerateArray())
        {
            string signer = row[0].GetString()!;
            string child = row[1].GetString()!.Replace("naples/", string.Empty, StringComparison.Ordinal);
            string reason;
            bool isSigned = sev.TryGetValue(child, out SevCertificate? certificate)
                ? sev.TryGetValue(signer, out SevCertificate? parent)
                    ? certificate.IsSignedBy(parent, out reason)
                    : certificate.IsSignedBy(amd[signer], out reason)
                : amd[child].IsSignedBy(amd[signer], out reason);
            Assert.True(isSigned == (row[2].GetString() == "ok"), $"{signer} > {child}: {reason}");
            count++;
        }

        Assert.Equal(12, count);
    }

    [Theory]
    [InlineData("cek", SevKeyUsage.Cek, SevKeyAlgorithm.EcdsaSha256, 14)]
    [InlineData("oca", SevKeyUsage.Oca, SevKeyAlgorithm.EcdsaSha256, 16)]
    [InlineData("pek", SevKeyUsage.Pek, SevKeyAlgorithm.EcdsaSha256, 16)]
    [InlineData("pdh", SevKeyUsage.Pdh, SevKeyAlgorithm.EcdhSha256, 16)]
    public void Parse_NaplesVectors_ReadsEveryField(string name, SevKeyUsage usage, SevKeyAlgorithm algorithm, byte apiMinor)
    {
        byte[] bytes = Vectors.Bytes($"virtee-sev/chain/naples/{name}.cert");

        SevCertificate certificate = SevCertificate.Parse(bytes, name);

        Assert.Equal(usage, certificate.Usage);
        Assert.Equal(algorithm, certificate.Algorithm);
        Assert.Equal(0, certificate.ApiMajor);
        Assert.Equal(apiMinor, certificate.ApiMinor);
        Assert.Equal(1u, certificate.Version);
        Assert.Equal(48, AmdEcKey.GetCoordinateSize(certificate.GetEcPublicKey().Curve));
        Assert.True(AmdEcKey.IsOnCurve(certificate.GetEcPublicKey()));
        Assert.Equal(bytes, certificate.Bytes.ToArray());
    }

    [Fact]
    public void Signatures_NaplesVectors_NameTheSigners()
    {
        SevCertificate cek = SevCertificate.Parse(Vectors.Bytes("virtee-sev/chain/naples/cek.cert"), "cek");
        SevCertificate pek = SevCertificate.Parse(Vectors.Bytes("virtee-sev/chain/naples/pek.cert"), "pek");
        SevCertificate pdh = SevCertificate.Parse(Vectors.Bytes("virtee-sev/chain/naples/pdh.cert"), "pdh");

        Assert.Equal((SevKeyUsage.Ask, SevKeyAlgorithm.RsaSha256), (cek.Signature1.Usage, cek.Signature1.Algorithm));
        Assert.True(cek.Signature2.IsUnused);
        Assert.Equal((SevKeyUsage.Oca, SevKeyAlgorithm.EcdsaSha256), (pek.Signature1.Usage, pek.Signature1.Algorithm));
        Assert.Equal((SevKeyUsage.Cek, SevKeyAlgorithm.EcdsaSha256), (pek.Signature2.Usage, pek.Signature2.Algorithm));
        Assert.Equal((SevKeyUsage.Pek, SevKeyAlgorithm.EcdsaSha256), (pdh.Signature1.Usage, pdh.Signature1.Algorithm));
    }

    [Fact]
    public void IsSignedBy_SevToolProvisioning_Verifies()
    {
        SevCertificate csr = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/provision/pek_csr.cert"), "csr");
        SevCertificate oca = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/provision/oca.cert"), "oca");
        SevCertificate pek = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/provision/pek_csr.signed.cert"), "pek");

        Assert.True(csr.IsUnsigned);
        Assert.True(oca.IsSignedBy(oca, out string reason), reason);
        Assert.True(pek.IsSignedBy(oca, out reason), reason);
        Assert.Equal(csr.Body.ToArray(), pek.Body.ToArray());
        Assert.Equal(csr.Bytes.ToArray(), pek.WithoutSignatures().Bytes.ToArray());
    }

    [Fact]
    public void Sign_CsrWithTheOwnersKey_GivesWhatSevToolGives()
    {
        SevCertificate csr = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/provision/pek_csr.cert"), "csr");
        SevCertificate theirs = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/provision/oca.cert"), "oca");
        using ECDsa key = ECDsa.Create();
        key.ImportFromPem(Vectors.Text("amd-sev-tool/provision/oca_priv.pem"));

        SevCertificate oca = SevCertificate.Create(
            SevKeyUsage.Oca,
            SevKeyAlgorithm.EcdsaSha256,
            key.ExportParameters(false),
            theirs.ApiMajor,
            theirs.ApiMinor);
        SevCertificate signed = csr.Sign(key, SevKeyUsage.Oca);

        // The signature is random; everything it covers is not.
        Assert.Equal(theirs.Body.ToArray(), oca.Body.ToArray());
        Assert.True(signed.IsSignedBy(theirs, out string reason), reason);
        Assert.True(signed.Signature2.IsUnused);
    }

    [Fact]
    public void IsSignedBy_EveryBitOfBodyAndSignatureFlipped_IsRefused()
    {
        // On P-256, which verifies ten times as fast; the real chain's curve is exercised by samples elsewhere.
        using ECDsa pekKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDiffieHellman pdhKey = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);
        SevCertificate pek = TestPlatform.Make(SevKeyUsage.Pek, pekKey);
        SevCertificate valid = SevCertificate.Create(SevKeyUsage.Pdh, SevKeyAlgorithm.EcdhSha256, pdhKey.ExportParameters(false), 1, 55)
            .Sign(pekKey, SevKeyUsage.Pek);
        Assert.True(valid.IsSignedBy(pek, out _));
        byte[] pdh = valid.Bytes.ToArray();
        const int EndOfFirstSlot = 0x61C;

        // Bits behind the first slot belong to the unused one: no signature covers them.
        foreach ((int bit, byte[] damaged) in BitFlips.Of(pdh).TakeWhile(flip => flip.Bit < EndOfFirstSlot * 8))
        {
            bool accepted = SevCertificate.TryParse(damaged, out SevCertificate? certificate, out _)
                && certificate.IsSignedBy(pek, out _);
            Assert.False(accepted, $"bit {bit}");
        }
    }

    [Fact]
    public void IsSignedBy_SlotHalfUsed_IsRefused()
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] bytes = platform.Chain.Pdh.Bytes.ToArray();
        bytes[0x620] = 2;

        SevCertificate damaged = SevCertificate.Parse(bytes, "pdh");

        Assert.True(damaged.Signature2.IsMalformed);
        Assert.False(damaged.IsSignedBy(platform.Chain.Pek, out string reason));
        Assert.Contains("half used", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void IsSignedBy_SignaturesInEitherOrder_Verify()
    {
        using TestPlatform platform = TestPlatform.Create();
        SevCertificate pek = TestPlatform.Make(SevKeyUsage.Pek, platform.PekKey)
            .Sign(platform.CekKey, SevKeyUsage.Cek)
            .Sign(platform.OcaKey, SevKeyUsage.Oca);

        Assert.True(pek.IsSignedBy(platform.Chain.Oca, out _));
        Assert.True(pek.IsSignedBy(platform.Chain.Cek, out _));
        Assert.Throws<InvalidOperationException>(() => pek.Sign(platform.OcaKey, SevKeyUsage.Oca));
    }

    [Theory]
    [InlineData(2048, SevKeyAlgorithm.RsaSha256)]
    [InlineData(4096, SevKeyAlgorithm.RsaSha384)]
    public void Create_RsaOwner_SignsItselfAndThePek(int bits, SevKeyAlgorithm algorithm)
    {
        using RSA owner = RSA.Create(bits);
        using ECDsa pekKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SevCertificate oca = SevCertificate.Create(SevKeyUsage.Oca, algorithm, owner.ExportParameters(false), 1, 55)
            .Sign(owner, SevKeyUsage.Oca, algorithm);
        SevCertificate pek = TestPlatform.Make(SevKeyUsage.Pek, pekKey).Sign(owner, SevKeyUsage.Oca, algorithm);

        SevCertificate reread = SevCertificate.Parse(oca.Bytes, "oca");

        Assert.Equal(owner.ExportParameters(false).Modulus, reread.GetRsaPublicKey().Modulus);
        Assert.Equal(owner.ExportParameters(false).Exponent, reread.GetRsaPublicKey().Exponent);
        Assert.True(reread.IsSignedBy(reread, out string reason), reason);
        Assert.True(pek.IsSignedBy(reread, out reason), reason);
        Assert.Throws<InvalidOperationException>(() => reread.GetEcPublicKey());
    }

    [Fact]
    public void Create_KeyOnP256_RoundTrips()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        SevCertificate oca = TestPlatform.Make(SevKeyUsage.Oca, key).Sign(key, SevKeyUsage.Oca);

        SevCertificate reread = SevCertificate.Parse(oca.Bytes, "oca");

        Assert.Equal(key.ExportParameters(false).Q.X, reread.GetEcPublicKey().Q.X);
        Assert.True(reread.IsSignedBy(reread, out string reason), reason);
    }

    [Theory]
    [InlineData(0x000, 2, "version")]
    [InlineData(0x008, 0x77, "pub_key_usage")]
    [InlineData(0x00C, 0x44, "pub_key_algo")]
    [InlineData(0x010, 9, "pub_key")]
    [InlineData(0x014 + 60, 1, "pub_key")]
    public void Parse_BadField_IsNamed(int offset, byte value, string field)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        byte[] bytes = TestPlatform.Make(SevKeyUsage.Pek, key).Bytes.ToArray();
        bytes[offset] = value;

        SevFormatException refusal = Assert.Throws<SevFormatException>(() => SevCertificate.Parse(bytes, "pek.cert"));

        Assert.Equal(field, refusal.Field);
        Assert.StartsWith($"pek.cert: {field}: ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        using TestPlatform platform = TestPlatform.Create();
        using RSA rsa = RSA.Create(2048);
        SevCertificate owner = SevCertificate.Create(SevKeyUsage.Oca, SevKeyAlgorithm.RsaSha256, rsa.ExportParameters(false), 1, 55);
        byte[][] seeds = [platform.Chain.Pdh.Bytes.ToArray(), platform.Chain.Pek.Bytes.ToArray(), owner.Bytes.ToArray()];
        foreach (byte[] seed in seeds)
        {
            Fuzz.Truncate(seed, bytes => Assert.Throws<SevFormatException>(() => SevCertificate.Parse(bytes, "fuzz")));
        }

        int count = 0;
        Fuzz.Mutate(seeds, bytes =>
        {
            SevCertificate certificate = SevCertificate.Parse(bytes, "fuzz");
            if (count++ % 50 == 0)
            {
                certificate.IsSignedBy(platform.Chain.Oca, out _);
                certificate.IsSignedBy(platform.Chain.Authority!.Ask, out _);
                certificate.IsSignedBy(certificate, out _);
            }
        });
    }
}
