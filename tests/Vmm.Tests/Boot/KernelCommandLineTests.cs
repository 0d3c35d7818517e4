using System.Text;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class KernelCommandLineTests
{
    [Theory]
    [InlineData("")]
    [InlineData("console=ttyS0 root=LABEL=Größe ☃ 𝄞")]
    [InlineData("a\tb\nc\"d e\"\u0001\u007f")]
    public void Create_Text_IsGivenAsUtf8(string text)
    {
        KernelCommandLine line = KernelCommandLine.Create(text, 2047);

        Assert.Equal(Encoding.UTF8.GetBytes(text), line.Bytes.ToArray());
        Assert.Equal(Encoding.UTF8.GetByteCount(text), line.Length);
    }

    [Theory]
    [InlineData("a\0b", 2047u, "text", "holds a NUL at position 1")]
    [InlineData("\0", 2047u, "text", "holds a NUL at position 0")]
    [InlineData("abcd", 3u, "length", "4 bytes are more than the 3 that this kernel takes")]
    [InlineData("ää", 3u, "length", "4 bytes are more than the 3")]
    [InlineData("a", 0u, "length", "1 bytes are more than the 0")]
    public void Create_BadText_IsRefused(string text, uint limit, string field, string problem)
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => KernelCommandLine.Create(text, limit));

        Assert.Equal("--cmdline", e.Input);
        Assert.Equal(field, e.Field);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_HalfASurrogatePair_IsRefused()
    {
        // Not theory data: the test framework passes that on as UTF-8, where this cannot be said.
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => KernelCommandLine.Create("ab\ud800c", 2047));

        Assert.Contains("holds half a surrogate pair at position 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LengthAtTheKernelsLimit_IsTakenAndOneMoreIsNot()
    {
        byte[] kernel = new BzImageBuilder { CmdlineSize = 2047 }.Build();
        string longest = new('x', 2047);

        using LoadedSample sample = LoadedSample.Load(kernel, 8 << 20, commandLine: longest);

        Assert.Equal([.. Encoding.ASCII.GetBytes(longest), 0], sample.Read(GuestLayout.CommandLineAddress, 2048));
        InvalidInputException e = Assert.Throws<InvalidInputException>(
            () => LoadedSample.Load(kernel, 8 << 20, commandLine: longest + "x"));
        Assert.Contains("2048 bytes are more than the 2047", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_KernelThatClaimsToTakeEverything_IsHeldToTheRoomThereIs()
    {
        byte[] kernel = new BzImageBuilder { CmdlineSize = uint.MaxValue }.Build();

        using LoadedSample sample = LoadedSample.Load(kernel, 8 << 20, commandLine: new string('x', 65535));

        Assert.Equal("[0x20000, 0x30000)", sample.Piece("command line").ToString());
        Assert.Equal([(byte)'x', 0], sample.Read(0x2_FFFE, 2));
        Assert.Throws<InvalidInputException>(() => LoadedSample.Load(kernel, 8 << 20, commandLine: new string('x', 65536)));
    }

    [Fact]
    public void Load_Empty_IsANul()
    {
        using LoadedSample sample = LoadedSample.Load(new BzImageBuilder().Build(), 8 << 20);

        Assert.Equal(new byte[4096], sample.Read(GuestLayout.CommandLineAddress, 4096));
        Assert.Equal("[0x20000, 0x21000)", sample.Piece("command line").ToString());
    }
}
