using Xunit;

namespace KvmSevVmm.Sev.Tests;

public sealed class CryptoSupportTests
{
    [Fact]
    public void EnsureAvailable_Here_Succeeds() => CryptoSupport.EnsureAvailable();

    [Fact]
    public void EnsureAvailable_NoLibrary_NamesItAndTheCure()
    {
        CryptoUnavailableException refusal = Assert.Throws<CryptoUnavailableException>(
            () => CryptoSupport.EnsureAvailable(["libssl.so.does-not-exist"], null));

        Assert.Equal("libssl.so.does-not-exist", refusal.Library);
        Assert.Contains("apt-get install libssl3", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EnsureAvailable_SecondNameOrOverride_IsEnough()
    {
        CryptoSupport.EnsureAvailable(["libssl.so.does-not-exist", "libc.so.6"], null);
        CryptoSupport.EnsureAvailable(["libssl.so.does-not-exist"], "3");
        Assert.Throws<CryptoUnavailableException>(() => CryptoSupport.EnsureAvailable(["libssl.so.does-not-exist"], "no-such-version"));
    }

    [Fact]
    public void Fill_SeededSource_RepeatsAndDoesNotDependOnThePieces()
    {
        byte[] whole = new byte[100];
        new SeededRandomSource("x"u8).Fill(whole);
        SeededRandomSource pieces = new("x"u8);
        byte[] joined = new byte[100];
        pieces.Fill(joined.AsSpan(0, 7));
        pieces.Fill(joined.AsSpan(7, 60));
        pieces.Fill(joined.AsSpan(67));

        Assert.Equal(whole, joined);
        Assert.Equal(100, whole.Chunk(10).Select(Convert.ToHexString).Distinct().Count() * 10);
    }
}
