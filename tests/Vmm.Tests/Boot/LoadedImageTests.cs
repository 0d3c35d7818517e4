using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class LoadedImageTests
{
    private const ulong MiB = 1UL << 20;

    [Fact]
    public void Load_WritesThePiecesAndNothingElse()
    {
        byte[] kernel = new BzImageBuilder().Build();

        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB, new byte[5000], "quiet", cBit: 39);

        Assert.Equal(
            [
                "kernel [0x100000, 0x101000)",
                "initrd [0x7fe000, 0x800000)",
                "command line [0x20000, 0x21000)",
                "zero page [0x7000, 0x8000)",
                "page tables [0x9000, 0xf000)",
                "GDT [0x6000, 0x7000)",
            ],
            sample.Image.Measured.Select(piece => $"{piece.Name} {piece.Range}"));
        Assert.Equal(
            ["[0x6000, 0x8000)", "[0x9000, 0xf000)", "[0x20000, 0x21000)", "[0x100000, 0x101000)", "[0x7fe000, 0x800000)"],
            sample.Guarded.FindWrittenPages().Select(range => range.ToString()));
    }

    [Fact]
    public void Load_Elf_WritesThePiecesAndNothingElse()
    {
        byte[] kernel = new ElfBuilder()
            .Load(0x20_0800, [0xF4, 0xF4], 0x1000)
            .Load(0x30_0010, [1, 2, 3])
            .Build(file => file[0x19] = 0x08);

        using LoadedSample sample = LoadedSample.Load(kernel, 8 * MiB);

        Assert.Equal(
            ["[0x6000, 0x8000)", "[0x9000, 0xf000)", "[0x20000, 0x21000)", "[0x200000, 0x202000)", "[0x300000, 0x301000)"],
            sample.Guarded.FindWrittenPages().Select(range => range.ToString()));
        Assert.Equal([.. new byte[0x800], 0xF4, 0xF4, .. new byte[0x17FE]], sample.Read(0x20_0000, 0x2000));
    }

    [Fact]
    public void Load_SameInputs_GiveTheSameBytesWhateverWasInMemory()
    {
        byte[] kernel = new BzImageBuilder { ProtectedModeSize = 0x1010 }.Build();
        using LoadedSample used = LoadedSample.Load(kernel, 8 * MiB, [1, 2, 3], "quiet", cBit: 39);
        using GuardedMemory clean = new(used.Guarded.Memory.Layout);

        LoadedImage image = LoadedSample.Load(kernel, clean.Memory, [1, 2, 3], "quiet");

        Assert.Equal(used.Image.Measured, image.Measured);
        Assert.All(image.Measured, piece => Assert.Equal(
            clean.Memory.GetSpan(piece.Range.Start, (int)piece.Range.Length).ToArray(),
            used.Read(piece.Range.Start.Value, (int)piece.Range.Length)));
    }

    [Fact]
    public void Registers_AreThoseOfTheBootProtocol()
    {
        using LoadedSample plain = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB);
        using LoadedSample encrypted = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB, cBit: 39);

        Assert.Equal(
            new BootRegisters(BootProtocol.Linux64, new Gpa(0x10_0200), 0x7000, 0, 0x9000, new Gpa(0x6000), 47),
            plain.Image.Registers);
        Assert.Equal(plain.Image.Registers with { Cr3 = (1UL << 39) | 0x9000 }, encrypted.Image.Registers);
    }

    [Fact]
    public void Gdt_HoldsFlatSegmentsAtLinuxSelectors()
    {
        using LoadedSample sample = LoadedSample.Load(new BzImageBuilder().Build(), 8 * MiB);
        ulong[] table = [.. Enumerable.Range(0, 6).Select(i => sample.Guarded.Memory.Read<ulong>(new Gpa(0x6000 + ((ulong)i * 8))))];

        // AMD64 Architecture Programmer's Manual 2, 4.7 and 4.8: present and S at 47 and 44, type 43:40, L 53, D/B 54, G 55.
        Assert.Equal(0UL, table[0]);
        Assert.Equal((0UL, 0xFFFFFUL, 0xBUL, false, true), Decode(table[1]));
        Assert.Equal((0UL, 0xFFFFFUL, 0xBUL, true, false), Decode(table[2]));
        Assert.Equal((0UL, 0xFFFFFUL, 0x3UL, false, true), Decode(table[3]));
        const ulong PresentCodeOrData = (1UL << 47) | (1UL << 44) | (1UL << 55);
        const ulong Privilege = 3UL << 45;
        Assert.All(table[1..4], entry => Assert.Equal(PresentCodeOrData, entry & (PresentCodeOrData | Privilege)));

        // The task state segment: a system descriptor (S = 0) of type 11, busy, 0x68 bytes.
        Assert.Equal((0UL, 0x67UL, 0xBUL, false, false), Decode(table[4]));
        Assert.Equal(1UL << 47, table[4] & ((1UL << 44) | (1UL << 47) | (1UL << 55)));
        Assert.Equal(0UL, table[5]);
    }

    [Fact]
    public void Load_LargeFiles_GoStraightIntoGuestMemory()
    {
        using TempDirectory directory = new();
        string kernel = directory.Write("vmlinuz", new BzImageBuilder { ProtectedModeSize = 8 << 20, InitSize = 16 << 20 }.Build());
        string initrd = directory.Sparse("initrd.img", 200L << 20);
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(512 * MiB, 40));
        long before = GC.GetAllocatedBytesForCurrentThread();

        LoadedImage image = LoadedImage.Load(new BootConfig(kernel, initrd, "quiet"), LoadedSample.Tables, memory);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.Equal(200 * MiB, image.Initrd.Length);
    }

    [Fact]
    public void Load_Files_AreWhatTheGuestSees()
    {
        using TempDirectory directory = new();
        byte[] kernel = new BzImageBuilder().Build();
        byte[] initrd = new byte[100_000];
        new Random(2).NextBytes(initrd);
        string kernelPath = directory.Write("vmlinuz", kernel);
        string initrdPath = directory.Write("initrd.img", initrd);
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8 * MiB, 40));

        LoadedImage image = LoadedImage.Load(new BootConfig(kernelPath, initrdPath, "a b"), LoadedSample.Tables, memory);

        Assert.Equal(kernel[1024..], memory.GetSpan(new Gpa(0x10_0000), 0x1000).ToArray());
        Assert.Equal(initrd, memory.GetSpan(image.Initrd.Start, initrd.Length).ToArray());
        Assert.Equal("a b\0"u8.ToArray(), memory.GetSpan(new Gpa(0x2_0000), 4).ToArray());
    }

    [Fact]
    public void Load_FailedFile_LeavesNoDescriptorOpen()
    {
        using TempDirectory directory = new();
        string kernel = directory.Write("vmlinuz", new BzImageBuilder().Build());
        string broken = directory.Write("broken", new BzImageBuilder().Build()[..3000]);
        string empty = directory.Write("empty", []);
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8 * MiB, 40));
        string missing = Path.Combine(directory.Path, "missing");

        Assert.Throws<InvalidInputException>(() => LoadedImage.Load(new BootConfig(broken, null, ""), LoadedSample.Tables, memory));
        Assert.Throws<InvalidInputException>(() => LoadedImage.Load(new BootConfig(kernel, empty, ""), LoadedSample.Tables, memory));
        Assert.Throws<FileNotFoundException>(() => LoadedImage.Load(new BootConfig(kernel, missing, ""), LoadedSample.Tables, memory));
        Assert.Throws<InvalidInputException>(() => LoadedImage.Load(new BootConfig(kernel, null, "\0"), LoadedSample.Tables, memory));

        IEnumerable<string?> open = Directory.GetFiles("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget);
        Assert.DoesNotContain(open, target => target?.StartsWith(directory.Path, StringComparison.Ordinal) == true);
    }

    private static (ulong Base, ulong Limit, ulong Type, bool IsLong, bool Is32Bit) Decode(ulong entry) => (
        (entry >> 16 & 0xFFFFFF) | (entry >> 56 << 24),
        (entry & 0xFFFF) | (entry >> 48 & 0xF) << 16,
        entry >> 40 & 0xF,
        (entry >> 53 & 1) != 0,
        (entry >> 54 & 1) != 0);
}
