using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Sessions;

public sealed class AesCtrTests
{
    // NIST SP 800-38A, F.5.1.
    private const string Key = "2b7e151628aed2a6abf7158809cf4f3c";
    private const string Counter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    private const string Plain =
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    private const string Cipher =
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee";

    [Fact]
    public void Transform_NistVector_Agrees()
    {
        byte[] key = Convert.FromHexString(Key);
        byte[] counter = Convert.FromHexString(Counter);

        Assert.Equal(Cipher, Convert.ToHexStringLower(AesCtr.Transform(key, counter, Convert.FromHexString(Plain))));
        Assert.Equal(Plain, Convert.ToHexStringLower(AesCtr.Transform(key, counter, Convert.FromHexString(Cipher))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(63)]
    public void Transform_AnyLength_IsAPrefix(int length)
    {
        byte[] plain = Convert.FromHexString(Plain)[..length];

        byte[] cipher = AesCtr.Transform(Convert.FromHexString(Key), Convert.FromHexString(Counter), plain);

        Assert.Equal(Cipher[..(length * 2)], Convert.ToHexStringLower(cipher));
    }

    [Fact]
    public void Transform_CounterAtItsEnd_WrapsAroundAllBits()
    {
        byte[] key = Convert.FromHexString(Key);
        byte[] last = [.. Enumerable.Repeat((byte)0xFF, 16)];

        byte[] wrapped = AesCtr.Transform(key, last, new byte[32]);

        Assert.Equal(AesCtr.Transform(key, new byte[16], new byte[16]), wrapped[16..]);
        Assert.Equal(AesCtr.Transform(key, last, new byte[16]), wrapped[..16]);
    }

    [Fact]
    public void Transform_KeyOrCounterOfAnotherLength_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => AesCtr.Transform(new byte[32], new byte[16], new byte[16]));
        Assert.Throws<ArgumentException>(() => AesCtr.Transform(new byte[16], new byte[12], new byte[16]));
    }

    [Fact]
    public void Derive_LongerThanOneBlock_CountsUp()
    {
        byte[] longKey = SevKdf.Derive("key"u8, "label", "context"u8, 80);

        // Computed with Python's hmac and hashlib.
        Assert.Equal(
            "8900fd67a17d97d9ae0dffef8302d789277a0913e18d75d6fbf14c4aeadb77859ef182c15c0cbc538cb0d1d57b30d823"
            + "bb8b7430046a14dc101bd547ae82a1c59386ef8a747ef31fcce2250eb9ca6170",
            Convert.ToHexStringLower(longKey));

        // The length is part of what is hashed: a shorter key is no prefix of a longer one.
        Assert.NotEqual(longKey[..16], SevKdf.Derive("key"u8, "label", "context"u8, 16));
    }
}
