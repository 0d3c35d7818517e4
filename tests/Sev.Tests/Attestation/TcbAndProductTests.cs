using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class TcbAndProductTests
{
    [Fact]
    public void Create_Parts_StandWhereTheGenerationPutsThem()
    {
        Assert.Equal(0xDB18000000000104UL, TcbVersion.Create(null, 4, 1, 24, 219).Value);
        Assert.Equal(0x5100000004030201UL, TcbVersion.Create(1, 2, 3, 4, 81).Value);
        Assert.Equal("bl=4,tee=1,snp=24,ucode=219", TcbVersion.Create(null, 4, 1, 24, 219).ToString());
        Assert.Equal("fmc=1,bl=2,tee=3,snp=4,ucode=81", TcbVersion.Create(1, 2, 3, 4, 81).ToString());
    }

    [Fact]
    public void Parse_WhatToStringWrites_GivesItBack()
    {
        foreach (TcbVersion tcb in (TcbVersion[])[TcbVersion.Create(null, 4, 1, 24, 219), TcbVersion.Create(0, 255, 0, 1, 2)])
        {
            Assert.Equal(tcb, TcbVersion.Parse(tcb.ToString()));
        }

        Assert.Equal(TcbVersion.Create(null, 0, 0, 8, 0), TcbVersion.Parse(" SNP = 8 "));
    }

    [Theory]
    [InlineData("")]
    [InlineData("snp")]
    [InlineData("snp=256")]
    [InlineData("snp=-1")]
    [InlineData("snp=1,snp=1")]
    [InlineData("svn=1")]
    public void Parse_NoTcb_IsRefused(string text) =>
        Assert.Equal("TCB version", Assert.Throws<SevFormatException>(() => TcbVersion.Parse(text)).Field);

    [Fact]
    public void IsAtLeast_AnyPartBelow_IsNot()
    {
        TcbVersion least = TcbVersion.Create(2, 2, 2, 2, 2);

        Assert.True(least.IsAtLeast(least));
        Assert.True(TcbVersion.Create(3, 2, 2, 2, 2).IsAtLeast(least));
        Assert.False(TcbVersion.Create(1, 9, 9, 9, 9).IsAtLeast(least));
        Assert.False(TcbVersion.Create(9, 1, 9, 9, 9).IsAtLeast(least));
        Assert.False(TcbVersion.Create(9, 9, 1, 9, 9).IsAtLeast(least));
        Assert.False(TcbVersion.Create(9, 9, 9, 1, 9).IsAtLeast(least));
        Assert.False(TcbVersion.Create(9, 9, 9, 9, 1).IsAtLeast(least));
        Assert.False(TcbVersion.Create(null, 9, 9, 9, 9).IsAtLeast(least));
    }

    [Theory]
    [InlineData(1, 55, 29, 1, 55, 29, true)]
    [InlineData(1, 55, 28, 1, 55, 29, false)]
    [InlineData(1, 54, 99, 1, 55, 0, false)]
    [InlineData(2, 0, 0, 1, 55, 29, true)]
    public void IsAtLeast_FirmwareVersions_CompareByMajorMinorBuild(byte a, byte b, byte c, byte d, byte e, byte f, bool expected) =>
        Assert.Equal(expected, new SnpFirmwareVersion(a, b, c).IsAtLeast(new SnpFirmwareVersion(d, e, f)));

    [Fact]
    public void FromSignature_GoogleSevGuestsProducts_AreNamed()
    {
        int count = 0;
        JsonElement products = Vectors.Json("google-go-sev-guest/kds.json").GetProperty("product_from_cpuid1_eax_stepping0");
        foreach (JsonProperty entry in products.EnumerateObject())
        {
            Assert.Equal(entry.Value.GetString(), SnpProducts.FromSignature(Convert.ToUInt32(entry.Name, 16))?.ToString());
            count++;
        }

        Assert.Equal(3, count);
    }

    [Theory]
    [InlineData(25, 0x00, SevGeneration.Milan)]
    [InlineData(25, 0x0F, SevGeneration.Milan)]
    [InlineData(25, 0x10, SevGeneration.Genoa)]
    [InlineData(25, 0x1F, SevGeneration.Genoa)]
    [InlineData(25, 0xA0, SevGeneration.Genoa)]
    [InlineData(25, 0xAF, SevGeneration.Genoa)]
    [InlineData(26, 0x00, SevGeneration.Turin)]
    [InlineData(26, 0x11, SevGeneration.Turin)]
    [InlineData(25, 0x20, null)]
    [InlineData(25, 0x9F, null)]
    [InlineData(25, 0xB0, null)]
    [InlineData(26, 0x12, null)]
    [InlineData(23, 0x31, null)]
    public void FromCpuid_FamilyAndModel_AreTheRangesOfAmdsProducts(byte family, byte model, SevGeneration? expected) =>
        Assert.Equal(expected, SnpProducts.FromCpuid(family, model));

    [Theory]
    [InlineData("Milan-B0", SevGeneration.Milan)]
    [InlineData("Siena", SevGeneration.Genoa)]
    [InlineData("Bergamo-A1", SevGeneration.Genoa)]
    [InlineData("turin", SevGeneration.Turin)]
    [InlineData("Venice", null)]
    [InlineData("", null)]
    public void FromName_CertificatesNames_AreTheGenerations(string name, SevGeneration? expected) =>
        Assert.Equal(expected, SnpProducts.FromName(name));

    [Fact]
    public void ToString_PlatformInfo_NamesItsBits()
    {
        Assert.Equal("smt,tsme,ecc,alias-check", new SnpPlatformInfo(0x27).ToString());
        Assert.Equal("none", default(SnpPlatformInfo).ToString());
        Assert.Equal("rapl-dis,ciphertext-hiding,bit6,tio,bit63", new SnpPlatformInfo(0x80000000000000D8).ToString());
        SnpPlatformInfo all = new(0xBF);
        Assert.True(all is
        {
            SmtEnabled: true, TsmeEnabled: true, EccEnabled: true, RaplDisabled: true, CiphertextHidingEnabled: true,
            AliasCheckComplete: true, TioEnabled: true,
        });
    }
}
