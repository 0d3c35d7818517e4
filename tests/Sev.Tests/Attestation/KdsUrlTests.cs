using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class KdsUrlTests
{
    [Fact]
    public void ToString_GoogleSevGuestsCases_AreTheSame()
    {
        int count = 0;
        foreach (JsonElement test in Vectors.Json("google-go-sev-guest/kds.json").GetProperty("cases").EnumerateArray())
        {
            SevGeneration product = Enum.Parse<SevGeneration>(test.GetProperty("product").GetString()!);
            KdsUrl url = test.GetProperty("fn").GetString() == "cert_chain"
                ? KdsUrl.ForAuthorities(KdsResource.CertificateChain, SnpSigningKey.Vcek, product)
                : KdsUrl.ForVcek(product, test.Hex("hwid"), new TcbVersion(test.GetProperty("tcb_u64").GetUInt64(), TcbLayout.MilanGenoa));

            Assert.Equal(test.GetProperty("expect").GetString(), url.ToString());
            Assert.Equal(url.ToString(), KdsUrl.Parse(url.ToString()).ToString());
            count++;
        }

        Assert.Equal(2, count);
    }

    [Theory]
    [InlineData("http://kdsintf.amd.com/vcek/v1/Milan/cert_chain", "KDS URL")]
    [InlineData("https://kdsintf.amd.com.example.org/vcek/v1/Milan/cert_chain", "KDS URL")]
    [InlineData("https://example.org/vcek/v1/Milan/cert_chain", "KDS URL")]
    [InlineData("https://kdsintf.amd.com:444/vcek/v1/Milan/cert_chain", "KDS URL")]
    [InlineData("https://user@kdsintf.amd.com/vcek/v1/Milan/cert_chain", "KDS URL")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/Milan/cert_chain#x", "KDS URL")]
    [InlineData("no url", "KDS URL")]
    [InlineData("https://kdsintf.amd.com/vcek/v2/Milan/cert_chain", "KDS URL path")]
    [InlineData("https://kdsintf.amd.com/vcex/v1/Milan/cert_chain", "KDS URL path")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/Milan/cert_chain/more", "KDS URL path")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/Rome/cert_chain", "KDS URL product")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/milan/cert_chain", "KDS URL product")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/Milan/cert_chain?x=1", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Milan/cert?blSPL=1&teeSPL=0&snpSPL=2", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Milan/cert?blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=256", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Milan/cert?blSPL=1&blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=2", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Milan/cert?fmcSPL=1&blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=2", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Turin/cert?blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=2", "KDS URL query")]
    [InlineData("https://kdsintf.amd.com/vlek/v1/Milan/cart?blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=2", "KDS URL path")]
    [InlineData("https://kdsintf.amd.com/vcek/v1/Milan/abcd?blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=2", "KDS URL chip id")]
    public void Parse_WhatIsNotAmds_IsRefused(string text, string field) =>
        Assert.Equal(field, Assert.Throws<SevFormatException>(() => KdsUrl.Parse(text)).Field);

    [Fact]
    public void Parse_EveryKindOfAddress_RoundTrips()
    {
        string[] urls =
        [
            "https://kdsintf.amd.com/vcek/v1/Genoa/crl",
            "https://kdsintf.amd.com/vlek/v1/Turin/cert_chain",
            "https://kdsintf.amd.com/vlek/v1/Milan/cert?blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219",
            "https://kdsintf.amd.com/vcek/v1/Turin/0102030405060708?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81",
        ];
        Assert.All(urls, url => Assert.Equal(url, KdsUrl.Parse(url).ToString()));

        // Any order, leading zeros as snpguest writes them.
        Assert.Equal(
            urls[2],
            KdsUrl.Parse("https://kdsintf.amd.com/vlek/v1/Milan/cert?ucodeSPL=219&snpSPL=24&teeSPL=00&blSPL=04").ToString());
        KdsUrl turin = KdsUrl.Parse(urls[3]);
        Assert.Equal(
            (KdsResource.Certificate, SnpSigningKey.Vcek, SevGeneration.Turin, TcbVersion.Create(1, 1, 1, 4, 81)),
            (turin.Resource, turin.Key, turin.Product, turin.Tcb!.Value));
        Assert.Equal<byte>([1, 2, 3, 4, 5, 6, 7, 8], turin.HardwareId.ToArray());
    }

    [Fact]
    public void ForReport_RealReports_NamesTheirCertificates()
    {
        foreach (SnpVector vector in SnpVectors.All)
        {
            SnpReport report = vector.ReadReport();
            KdsUrl url = KdsUrl.ForReport(report, vector.Generation);
            EndorsementExtensions extensions = EndorsementExtensions.Read(vector.ReadChain().Endorsement!);

            Assert.Equal(vector.Generation, url.Product);
            Assert.Equal(report.ReportedTcb, url.Tcb);
            Assert.Equal(extensions.HardwareId is { } id ? id.ToArray() : [], url.HardwareId.ToArray());
            Assert.Equal(url.ToString(), KdsUrl.Parse(url.ToString()).ToString());
        }
    }

    [Fact]
    public void ForReport_WhatCannotBeAskedFor_IsRefused()
    {
        SnpReportFields fields = ModelSnpPlatform.MakeFields();

        Assert.Equal("product", FieldOf(fields with { Version = 2 }));
        Assert.Equal("chip id", FieldOf(fields with { ChipId = default }));
        Assert.Equal("signing key", FieldOf(fields with { SigningKey = SnpSigningKey.None }));
        Assert.Equal("product", Assert.Throws<SevFormatException>(() => KdsUrl.ForVlek(SevGeneration.Rome, default)).Field);
        Assert.Equal("TCB version", Assert.Throws<SevFormatException>(() => KdsUrl.ForVlek(SevGeneration.Turin, default)).Field);
        Assert.Equal("chip id", Assert.Throws<SevFormatException>(() => KdsUrl.ForVcek(SevGeneration.Milan, new byte[8], default)).Field);
        Assert.Throws<ArgumentException>(() => KdsUrl.ForAuthorities(KdsResource.Certificate, SnpSigningKey.Vcek, SevGeneration.Milan));
        Assert.Throws<ArgumentException>(() => KdsUrl.ForAuthorities(KdsResource.RevocationList, SnpSigningKey.None, SevGeneration.Milan));

        static string FieldOf(SnpReportFields fields) => Assert.Throws<SevFormatException>(() =>
            KdsUrl.ForReport(fields.Sign(null), null)).Field;
    }

    [Fact]
    public void Parse_MutatedText_OnlyRefuses()
    {
        byte[] url = "https://kdsintf.amd.com/vcek/v1/Turin/0102030405060708?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81"u8.ToArray();
        Fuzz.Truncate(url, bytes => KdsUrl.Parse(System.Text.Encoding.Latin1.GetString(bytes)));
        Fuzz.Mutate([url], bytes => KdsUrl.Parse(System.Text.Encoding.Latin1.GetString(bytes)), Fuzz.MutationCount / 4);
    }
}
