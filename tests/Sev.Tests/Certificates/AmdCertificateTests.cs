using KvmSevVmm.Sev.Certificates;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Certificates;

public sealed class AmdCertificateTests
{
    public static TheoryData<string, SevGeneration, int, string> Generations => new()
    {
        { "naples", SevGeneration.Naples, 2048, "e139970cfc464377ae61b289e2f9e96e" },
        { "rome", SevGeneration.Rome, 4096, "c6cbcf145b3146f498e40ecb4ad4fded" },
        { "milan", SevGeneration.Milan, 4096, "73478c05cc174bfeb06e718fa75dc3c8" },
        { "genoa", SevGeneration.Genoa, 4096, "acbb4ad21acc436fb3e932f812cd01b0" },
    };

    [Theory]
    [MemberData(nameof(Generations))]
    public void Parse_AmdsAuthorities_VerifyAndArePinned(string folder, SevGeneration generation, int bits, string askId)
    {
        byte[] arkBytes = Vectors.Bytes($"virtee-sev/ca/{folder}/ark.cert");
        byte[] askBytes = Vectors.Bytes($"virtee-sev/ca/{folder}/ask.cert");

        AmdCertificate ark = AmdCertificate.Parse(arkBytes, "ark");
        AmdCertificate ask = AmdCertificate.Parse(askBytes, "ask");

        Assert.Equal(SevKeyUsage.Ark, ark.Usage);
        Assert.Equal(SevKeyUsage.Ask, ask.Usage);
        Assert.Equal(bits, ark.KeyBits);
        Assert.Equal(askId, Convert.ToHexStringLower(ask.KeyId));
        Assert.Equal(arkBytes, ark.Bytes.ToArray());
        Assert.Equal(askBytes, ask.Bytes.ToArray());
        Assert.True(ark.IsSignedBy(ark, out string reason), reason);
        Assert.True(ask.IsSignedBy(ark, out reason), reason);
        Assert.False(ark.IsSignedBy(ask, out _));
        KnownRoot? root = KnownRoots.Find(ark.GetKeyFingerprint());
        Assert.Equal(generation, root?.Generation);
        Assert.Equal(root?.KeyId, Convert.ToHexStringLower(ark.KeyId));
        Assert.Null(KnownRoots.Find(ask.GetKeyFingerprint()));
    }

    [Fact]
    public void IsSignedBy_AnotherGenerationsRoot_Fails()
    {
        AmdCertificate milan = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/milan/ask.cert"), "ask");
        AmdCertificate genoa = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/genoa/ark.cert"), "ark");

        Assert.False(milan.IsSignedBy(genoa, out string reason));
        Assert.Contains("certifying id", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void WithSignature_NaplesArkAsFirstPublished_IsTheSameCertificate()
    {
        AmdCertificate bare = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/naples/ark.cert.bad"), "ark");
        AmdCertificate whole = AmdCertificate.Parse(Vectors.Bytes("virtee-sev/ca/naples/ark.cert"), "ark");
        byte[] signature = Vectors.Bytes("virtee-sev/ca/naples/ark.cert.sig");

        Assert.False(bare.HasSignature);
        Assert.False(bare.IsSignedBy(bare, out _));
        Assert.Equal(SevGeneration.Naples, KnownRoots.Find(bare.GetKeyFingerprint())?.Generation);
        AmdCertificate repaired = bare.WithSignature(signature);
        Assert.Equal(whole.Bytes.ToArray(), repaired.Bytes.ToArray());
        Assert.True(repaired.IsSignedBy(repaired, out string reason), reason);
        Assert.Throws<InvalidOperationException>(() => whole.WithSignature(signature));
    }

    [Fact]
    public void IsSignedBy_EveryBitFlipped_IsRefused()
    {
        using TestPlatform platform = TestPlatform.Create();
        AmdCertificate ark = platform.Chain.Authority!.Ark;

        foreach ((int bit, byte[] damaged) in BitFlips.Of(platform.Chain.Authority.Ask.Bytes.ToArray()))
        {
            bool accepted = TryParse(damaged, out AmdCertificate? ask) && ask!.IsSignedBy(ark, out _);
            Assert.False(accepted, $"bit {bit}");
        }
    }

    [Theory]
    [InlineData(0x00, 2, "version")]
    [InlineData(0x24, 1, "key_usage")]
    [InlineData(0x38, 1, "pub_exp_size")]
    [InlineData(0x3C, 1, "modulus_size")]
    [InlineData(0x40 + 256, 0, "modulus")]
    public void Parse_BadField_IsNamed(int offset, byte value, string field)
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] bytes = platform.Chain.Authority!.Ask.Bytes.ToArray();
        bytes[offset] = value;

        Assert.Equal(field, Assert.Throws<SevFormatException>(() => AmdCertificate.Parse(bytes, "ask.cert")).Field);
    }

    [Fact]
    public void AskArk_RoundTrips_AndRefusesTheOtherOrder()
    {
        byte[] ark = Vectors.Bytes("virtee-sev/ca/genoa/ark.cert");
        byte[] ask = Vectors.Bytes("virtee-sev/ca/genoa/ask.cert");

        AskArk authority = AskArk.Parse([.. ask, .. ark], "ask_ark_genoa.cert");

        Assert.Equal([.. ask, .. ark], authority.ToBytes());
        Assert.Throws<SevFormatException>(() => AskArk.Parse([.. ark, .. ask], "wrong order"));
        Assert.Throws<SevFormatException>(() => AskArk.Parse([.. ask, .. ask], "no root"));
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        using TestPlatform platform = TestPlatform.Create();
        AskArk authority = platform.Chain.Authority!;
        byte[] joined = authority.ToBytes();
        Fuzz.Truncate(authority.Ask.Bytes.ToArray(), bytes => Assert.Throws<SevFormatException>(() => AmdCertificate.Parse(bytes, "fuzz")));
        Fuzz.Truncate(joined, bytes => AskArk.Parse(bytes, "fuzz"));
        int count = 0;
        Fuzz.Mutate([joined, authority.Ask.Bytes.ToArray()], bytes =>
        {
            AmdCertificate certificate = AmdCertificate.ParsePrefix(bytes, "fuzz", out int consumed);
            Assert.InRange(consumed, 1, bytes.Length);
            if (count++ % 25 == 0)
            {
                certificate.IsSignedBy(authority.Ark, out _);
            }

            AskArk.Parse(bytes, "fuzz");
        });
    }

    private static bool TryParse(byte[] bytes, out AmdCertificate? certificate)
    {
        try
        {
            certificate = AmdCertificate.Parse(bytes, "test");
            return true;
        }
        catch (SevFormatException)
        {
            certificate = null;
            return false;
        }
    }
}
