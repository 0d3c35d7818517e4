using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class BootParamsTests
{
    private const ulong MiB = 1UL << 20;

    [Fact]
    public void ZeroPage_HoldsTheSetupHeaderAndWhatTheLoaderAdds()
    {
        byte[] kernel = new BzImageBuilder().Build(file =>
        {
            file[0x211] = 0xFF;
            file[0x210] = 0x12;
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x23C), 7);
            BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(0x250), 0xDEAD_0000);
        });
        byte[] initrd = [.. Enumerable.Repeat((byte)0x77, 5000)];
        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB, initrd, "console=ttyS0");

        byte[] page = sample.Read(0x7000, 4096);

        // The header as it is in the file, but for the fields that are the loader's to write.
        byte[] expected = new byte[4096];
        kernel.AsSpan(0x1F1, 0x26C - 0x1F1).CopyTo(expected.AsSpan(0x1F1));
        expected[0x210] = 0xFF;
        expected[0x211] = 0x21;
        Put32(expected, 0x214, 0x10_0000);
        Put32(expected, 0x218, 0x7F_E000);
        Put32(expected, 0x21C, 5000);
        Put32(expected, 0x228, 0x2_0000);
        Put32(expected, 0x23C, 0);
        Put64(expected, 0x250, 0);
        (ulong Start, ulong Length, uint Type)[] map =
            [(0, 0x9_FC00, 1), (0x9_FC00, 0x4_0400, 2), (0xE_0000, 0x1_0000, 3), (0xF_0000, 0x1_0000, 2), (0x10_0000, 7 * MiB, 1)];
        expected[0x1E8] = 5;
        for (int i = 0; i < map.Length; i++)
        {
            Put64(expected, 0x2D0 + (20 * i), map[i].Start);
            Put64(expected, 0x2D8 + (20 * i), map[i].Length);
            Put32(expected, 0x2E0 + (20 * i), map[i].Type);
        }

        Assert.Equal(expected, page);
    }

    [Fact]
    public void ZeroPage_WithoutInitrd_HasNone()
    {
        using LoadedSample sample = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB);

        Assert.Equal(new byte[8], sample.Read(0x7218, 8));
        Assert.True(sample.Image.Initrd.IsEmpty);
    }

    [Fact]
    public void ZeroPage_OfMoreThanThreeGiB_ListsHighRam()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(16UL << 30, 40));

        _ = LoadedSample.Load(new BzImageBuilder().Build(), memory);

        ReadOnlySpan<byte> page = memory.GetReadOnlySpan(new Gpa(0x7000), 4096);
        Assert.Equal(6, page[0x1E8]);
        Assert.Equal(1UL << 32, BinaryPrimitives.ReadUInt64LittleEndian(page[(0x2D0 + 100)..]));
        Assert.Equal(13UL << 30, BinaryPrimitives.ReadUInt64LittleEndian(page[(0x2D0 + 108)..]));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(page[(0x2D0 + 116)..]));
    }

    [Fact]
    public void ZeroPage_ShortHeader_StopsWhereTheHeaderEnds()
    {
        byte[] kernel = new BzImageBuilder().Build(file =>
        {
            file[0x201] = 0x62;
            file.AsSpan(0x264, 0x2C).Fill(0xEE);
        });

        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB);

        Assert.Equal(new byte[0x2C], sample.Read(0x7264, 0x2C));
        Assert.Equal(0x10_0000u, BinaryPrimitives.ReadUInt32LittleEndian(sample.Read(0x7260, 4)));
    }

    [Fact]
    public void ZeroPage_OfAnElfKernel_IsMadeByTheLoader()
    {
        byte[] kernel = new ElfBuilder().Load(0x20_0000, [0xF4]).Build();

        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB, [1, 2, 3], "quiet");

        byte[] page = sample.Read(0x7000, 4096);
        byte[] expected = new byte[4096];
        Put32(expected, 0x1FC, 0xAA55_0000);
        "HdrS"u8.CopyTo(expected.AsSpan(0x202));
        Put32(expected, 0x206, 0x020C);
        expected[0x210] = 0xFF;
        expected[0x211] = 1;
        Put32(expected, 0x218, 0x7F_F000);
        Put32(expected, 0x21C, 3);
        Put32(expected, 0x228, 0x2_0000);
        Put32(expected, 0x230, 0x100_0000);
        Put32(expected, 0x238, 2047);
        Assert.Equal(expected[..0x1E8], page[..0x1E8]);
        Assert.Equal(expected[0x1F1..0x2D0], page[0x1F1..0x2D0]);
        Assert.Equal(5, page[0x1E8]);
    }

    private static void Put32(byte[] bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);

    private static void Put64(byte[] bytes, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), value);
}
