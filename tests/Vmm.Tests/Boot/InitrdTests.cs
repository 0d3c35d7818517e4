using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class InitrdTests
{
    private const ulong MiB = 1UL << 20;

    [Theory]
    [InlineData(1, 0x7F_F000UL)]
    [InlineData(4096, 0x7F_F000UL)]
    [InlineData(4097, 0x7F_E000UL)]
    [InlineData(0x50_0000, 0x30_0000UL)]
    public void Load_LiesAtTheTopOfLowRam(int length, ulong start)
    {
        byte[] initrd = new byte[length];
        new Random(1).NextBytes(initrd);

        using LoadedSample sample = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB, initrd);

        Assert.Equal(new GpaRange(new Gpa(start), (ulong)length), sample.Image.Initrd);
        Assert.Equal(initrd, sample.Read(start, length));
        Assert.Equal(GpaRange.FromBounds(start, 8 * MiB), sample.Piece("initrd"));
        int padding = (int)(8 * MiB - start) - length;
        Assert.Equal(new byte[padding], sample.Read(start + (ulong)length, padding));
    }

    [Theory]
    [InlineData(1, 0x7F_E000UL)]
    [InlineData(4096, 0x7F_E000UL)]
    [InlineData(4097, 0x7F_D000UL)]
    public void Load_SecretPage_IsTheInitrdsLastAndZeroAndMeasuredAfterIt(int length, ulong start)
    {
        byte[] initrd = [.. Enumerable.Repeat((byte)0xAA, length)];

        using LoadedSample sample = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB, initrd, hasSecretPage: true);

        Assert.Equal(GpaRange.FromBounds(start, 8 * MiB), sample.Image.Initrd);
        Assert.Equal(GpaRange.FromBounds((8 * MiB) - 4096, 8 * MiB), sample.Image.SecretArea);
        Assert.Equal(initrd, sample.Read(start, length));
        Assert.Equal(new byte[4096], sample.Read((8 * MiB) - 4096, 4096));
        Assert.Equal(GpaRange.FromBounds(start, (8 * MiB) - 4096), sample.Piece("initrd"));
        Assert.Equal(sample.Image.SecretArea, sample.Piece("secret page"));
        Assert.Equal(
            ["initrd", "secret page", "command line"],
            sample.Image.Measured.Select(static piece => piece.Name).SkipWhile(static name => name != "initrd").Take(3));
    }

    [Fact]
    public void Load_SecretPageWithoutInitrd_IsRefused() => Assert.Throws<InvalidInputException>(
        () => LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB, hasSecretPage: true));

    [Theory]
    [InlineData(0x6F_FFFFu, 0x6F_F000UL)]
    [InlineData(0x6F_FFFEu, 0x6F_E000UL)]
    [InlineData(0x6F_EFFFu, 0x6F_E000UL)]
    [InlineData(uint.MaxValue, 0x7F_F000UL)]
    public void Load_StaysBelowInitrdAddrMax(uint addressMax, ulong start)
    {
        byte[] kernel = new BzImageBuilder { InitrdAddrMax = addressMax }.Build();

        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB, [1, 2, 3]);

        Assert.Equal(start, sample.Image.Initrd.Start.Value);
    }

    [Fact]
    public void Load_BigMachine_KeepsTheInitrdBelowTheKernelsLimit()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(16UL << 30, 40));

        LoadedImage bzImage = LoadedSample.Load(new BzImageBuilder().Build(), memory, [1, 2, 3]);
        LoadedImage elf = LoadedSample.Load(new ElfBuilder().Load(0x20_0000, [0xF4]).Build(), memory, [1, 2, 3]);

        Assert.Equal(0x7FFF_F000UL, bzImage.Initrd.Start.Value);
        Assert.Equal(0xBFFF_F000UL, elf.Initrd.Start.Value);
    }

    [Theory]
    [InlineData(0x50_0001, 0x7FFF_FFFFu, "5242881 bytes do not fit into the 5242880 between the kernel's end at 0x300000 and 0x800000")]
    [InlineData(8 << 20, 0x7FFF_FFFFu, "8388608 bytes do not fit into the 5242880")]
    [InlineData(1, 0x2F_FFFFu, "1 bytes do not fit into the 0 between")]
    [InlineData(1, 0u, "1 bytes do not fit into the 0 between")]
    [InlineData(0, 0x7FFF_FFFFu, "the file is empty")]
    public void Load_NoRoom_IsRefusedAndNothingIsWritten(int length, uint addressMax, string problem)
    {
        byte[] kernel = new BzImageBuilder { InitrdAddrMax = addressMax }.Build();
        using GuardedMemory guarded = new(GuestLayout.Create(8 * MiB, 40));
        guarded.FillRam();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(kernel, guarded.Memory, new byte[length]));

        Assert.Equal("initrd.img", e.Input);
        Assert.Equal("size", e.Field);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.Empty(guarded.FindWrittenPages());
    }
}
