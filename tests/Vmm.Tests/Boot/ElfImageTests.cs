using System.Buffers.Binary;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class ElfImageTests
{
    private const ulong MiB = 1UL << 20;
    private const uint Phys32Entry = 18;

    // Offsets in a program header.
    private const int Type = 0;
    private const int Offset = 8;
    private const int PhysicalAddress = 24;
    private const int FileSize = 32;
    private const int MemorySize = 40;
    private const int Align = 48;

    public static TheoryData<string, Action<byte[]>, string> BadFields => new()
    {
        { "EI_CLASS", file => file[4] = 1, "is 1, not 2 (a 64-bit file)" },
        { "EI_DATA", file => file[5] = 2, "is 2, not 1 (a little-endian file)" },
        { "EI_VERSION", file => file[6] = 0, "is 0, not 1" },
        { "e_type", file => file[0x10] = 3, "is ET_DYN: the file needs relocations" },
        { "e_type", file => file[0x10] = 1, "is 1, not 2 (an executable)" },
        { "e_machine", file => file[0x12] = 183, "is 183, not 62 (x86-64)" },
        { "e_version", file => file[0x14] = 2, "is 2, not 1" },
        { "e_phentsize", file => file[0x36] = 32, "is 32, not 56" },
        { "e_phnum", file => Put(file, 0x38, 0, 2), "is 0; 1 to 128 are possible" },
        { "e_phnum", file => Put(file, 0x38, 129, 2), "is 129;" },
        { "e_phnum", file => Put(file, 0x38, 0xFFFF, 2), "is 65535;" },
        { "e_phoff", file => Put(file, 0x20, 100_000), "the file ends at byte" },
        { "e_phoff", file => Put(file, 0x20, ulong.MaxValue - 10), "the file ends at byte" },
        { "e_entry", file => Put(file, 0x18, 0x10_0000), "0x100000 lies in no segment's bytes" },
        { "e_entry", file => Put(file, 0x18, 0x20_0010), "0x200010 lies in no segment's bytes" },
        { "e_entry", file => Put(file, 0x18, 0x30_0008), "0x300008 lies in no segment's bytes" },
        { "e_phnum", file => { Header(file, 0, Type, 0, 4); Header(file, 1, Type, 6, 4); }, "nothing to load" },
        { "p_type of program header 1", file => Header(file, 1, Type, 3, 4), "is PT_INTERP" },
        { "p_filesz of program header 0", file => Header(file, 0, FileSize, 17), "0x11 is more than p_memsz, 0x10" },
        { "p_filesz of program header 1", file => Header(file, 1, FileSize, ulong.MaxValue), "is more than p_memsz" },
        { "p_offset of program header 0", file => Header(file, 0, Offset, 1000), "the file ends at byte" },
        { "p_offset of program header 0", file => Header(file, 0, Offset, ulong.MaxValue - 7), "the file ends at byte" },
        { "p_memsz of program header 1", file => Header(file, 1, MemorySize, ulong.MaxValue), "reach beyond every address" },
        { "p_memsz of program header 1", file => Header(file, 1, MemorySize, 1UL << 63), "reach beyond every address" },
        {
            "p_memsz of program header 1",
            file => Header(file, 1, MemorySize, 6 * MiB),
            "the kernel needs RAM up to 0x900000, but RAM ends at 0x800000; --memory must be at least 9M"
        },
        { "p_paddr of program header 1", file => Header(file, 1, PhysicalAddress, 8 * MiB), "the kernel needs RAM up to 0x802008" },
        { "p_memsz of program header 0", file => MoveBothBeyondRam(file), "the kernel needs RAM up to 0x902008" },
        { "p_memsz of program header 1", file => Header(file, 1, MemorySize, 3UL << 30), "[0x300000, 0xc0300000) does not lie in RAM" },
        {
            "p_paddr of program header 1",
            file => Header(file, 1, PhysicalAddress, 0xC000_0000),
            "the segment [0xc0000000, 0xc0002008) does not lie in RAM, which is [0x0, 0x800000)"
        },
        { "p_paddr of program header 1", file => Header(file, 1, PhysicalAddress, 1UL << 62), "does not lie in RAM" },
        { "p_paddr of program header 1", file => Header(file, 1, PhysicalAddress, 0xF_F000), "lies below 1 MiB" },
        { "p_paddr of program header 1", file => Header(file, 1, PhysicalAddress, 0), "lies below 1 MiB" },
        { "p_paddr of program header 1", file => Header(file, 1, PhysicalAddress, 0x20_000F), "overlaps that of program header 0" },
        { "p_paddr of program header 0", file => Header(file, 1, PhysicalAddress, 0x1F_FFFF), "overlaps that of program header 1" },
        { "p_align of program header 0", file => Header(file, 0, Align, 0x1001), "0x1001 is not a power of two" },
    };

    [Theory]
    [MemberData(nameof(BadFields))]
    public void Load_BadField_IsNamed(string field, Action<byte[]> change, string problem)
    {
        byte[] file = Sample().Build(change);

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal(field, e.Field);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SegmentsAndTheirZeros_LieAtTheirPhysicalAddresses()
    {
        using LoadedSample sample = LoadedSample.Load(Sample().Build(), 8 * MiB);

        Assert.Equal(Bytes(16, 1), sample.Read(0x20_0000, 16));
        Assert.Equal([.. Bytes(8, 2), .. new byte[0x2000]], sample.Read(0x30_0000, 0x2008));
        Assert.Equal(
            ["[0x200000, 0x201000)", "[0x300000, 0x303000)"],
            sample.Image.Measured.Where(piece => piece.Name == "kernel").Select(piece => piece.Range.ToString()));
        Assert.Equal(BootProtocol.Linux64, sample.Image.Registers.Protocol);
        Assert.Equal(0x20_0000UL, sample.Image.EntryPoint.Value);
    }

    [Fact]
    public void Load_SegmentsThatShareAPage_AreOnePieceWithZerosBetween()
    {
        // In the file the higher segment comes first; the two are 0x10 bytes apart, and a third follows in the next page.
        byte[] file = new ElfBuilder { Entry = 0x20_0F00 }
            .Load(0x20_0F20, Bytes(0x10, 3), 0x20)
            .Load(0x20_0F00, Bytes(0x10, 4))
            .Load(0x20_1004, Bytes(4, 5))
            .Load(0x20_5000, Bytes(4, 6))
            .Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        byte[] expected = new byte[0x2000];
        Bytes(0x10, 4).CopyTo(expected, 0xF00);
        Bytes(0x10, 3).CopyTo(expected, 0xF20);
        Bytes(4, 5).CopyTo(expected, 0x1004);
        Assert.Equal(expected, sample.Read(0x20_0000, 0x2000));
        Assert.Equal(
            ["[0x200000, 0x202000)", "[0x205000, 0x206000)"],
            sample.Image.Measured.Where(piece => piece.Name == "kernel").Select(piece => piece.Range.ToString()));
    }

    [Fact]
    public void Load_EntryAsVirtualAddress_IsTranslated()
    {
        byte[] file = new ElfBuilder { Entry = 0xFFFF_FFFF_8100_0008 }
            .Load(0x20_0000, Bytes(16, 1), virtualAddress: 0xFFFF_FFFF_8100_0000)
            .Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(0x20_0008UL, sample.Image.EntryPoint.Value);
    }

    [Fact]
    public void Load_PhysicalEntry_WinsOverAVirtualOne()
    {
        byte[] file = new ElfBuilder { Entry = 0x30_0000 }
            .Load(0x20_0000, Bytes(16, 1), virtualAddress: 0x30_0000)
            .Load(0x30_0000, Bytes(16, 1), virtualAddress: 0x40_0000)
            .Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(0x30_0000UL, sample.Image.EntryPoint.Value);
    }

    [Fact]
    public void Load_EmptySegment_IsIgnored()
    {
        byte[] file = Sample().Load(0x10, []).Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(2, sample.Image.Measured.Count(piece => piece.Name == "kernel"));
    }

    [Fact]
    public void Load_SegmentAboveFourGiB_IsLoadedButNotEntered()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create((3UL << 30) + MiB, 40));
        byte[] data = new ElfBuilder().Load(0x20_0000, Bytes(16, 1)).Load(1UL << 32, Bytes(16, 9)).Build();
        byte[] code = new ElfBuilder { Entry = 1UL << 32 }.Load(0x20_0000, Bytes(16, 1)).Load(1UL << 32, Bytes(16, 9)).Build();

        LoadedImage image = LoadedSample.Load(data, memory);
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(code, memory));

        Assert.Equal(Bytes(16, 9), memory.GetSpan(new Gpa(1UL << 32), 16).ToArray());
        Assert.Contains(image.Measured, piece => piece.Range.Start.Value == 1UL << 32);
        Assert.Equal("e_entry", e.Field);
        Assert.Contains("lies above 4 GiB", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Load_PvhNote_IsTheEntryOfAPlainMachine(int descriptorSize)
    {
        byte[] descriptor = new byte[descriptorSize];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor, 0x20_0004);
        byte[] file = Sample().Notes(
            new ElfNote("GNU\0", 3, Bytes(20, 0)),
            new ElfNote("Xen\0", 5, Bytes(3, 1)),
            new ElfNote("Xen\0", Phys32Entry, descriptor)).Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB, commandLine: "quiet");

        BootRegisters registers = sample.Image.Registers;
        Assert.Equal(BootProtocol.Pvh32, registers.Protocol);
        Assert.Equal(0x20_0004UL, registers.Entry.Value);
        Assert.Equal(GuestLayout.StartInfoAddress, registers.Rbx);
        Assert.Equal(0UL, registers.Rsi);
        Assert.Equal(0UL, registers.Cr3);
        Assert.Equal(["kernel", "kernel", "command line", "start info", "GDT"], sample.Image.Measured.Select(piece => piece.Name));
    }

    [Fact]
    public void Load_PvhNoteWithMemoryEncryption_TakesThe64BitEntry()
    {
        byte[] file = Sample().Notes(new ElfNote("Xen\0", Phys32Entry, [4, 0, 0x20, 0])).Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB, cBit: 39);

        Assert.Equal(BootProtocol.Linux64, sample.Image.Registers.Protocol);
        Assert.Equal(0x20_0000UL, sample.Image.EntryPoint.Value);
        Assert.Equal((1UL << 39) | GuestLayout.PageTablesAddress, sample.Image.Registers.Cr3);
    }

    [Fact]
    public void Load_NotesOfOthers_AreNoPvhEntry()
    {
        byte[] file = Sample().Notes(
            new ElfNote("XEN\0", Phys32Entry, [4, 0, 0x20, 0]),
            new ElfNote("Xen", Phys32Entry, [4, 0, 0x20, 0]),
            new ElfNote("Xen\0", 17, [4, 0, 0x20, 0])).Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(BootProtocol.Linux64, sample.Image.Registers.Protocol);
    }

    [Fact]
    public void Load_NotesAlignedToEight_AreFound()
    {
        byte[] notes = ElfBuilder.MakeNotes(8, new ElfNote("GNU\0", 5, Bytes(12, 0)), new ElfNote("Xen\0", Phys32Entry, [4, 0, 0x20, 0]));
        byte[] file = Sample().Segment(ElfBuilder.PtNote, notes, align: 8).Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(0x20_0004UL, sample.Image.EntryPoint.Value);
    }

    [Theory]
    [InlineData("XEN_ELFNOTE_PHYS32_ENTRY", new byte[] { 4, 0, 0x20 }, "is 3 bytes long")]
    [InlineData("XEN_ELFNOTE_PHYS32_ENTRY", new byte[] { 0, 0, 0, 1 }, "0x1000000 lies in no segment's bytes")]
    [InlineData("XEN_ELFNOTE_PHYS32_ENTRY", new byte[] { 4, 0, 0x20, 0, 1, 0, 0, 0 }, "0x100200004 is not a 32-bit address")]
    public void Load_BadPvhNote_IsRefused(string field, byte[] descriptor, string problem)
    {
        byte[] file = Sample().Notes(new ElfNote("Xen\0", Phys32Entry, descriptor)).Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal(field, e.Field);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Load_NoteReachingBeyondTheNotes_IsRefused(int sizeField)
    {
        byte[] notes = ElfBuilder.MakeNotes(4, new ElfNote("Xen\0", Phys32Entry, [4, 0, 0x20, 0]));
        BinaryPrimitives.WriteUInt32LittleEndian(notes.AsSpan(sizeField), uint.MaxValue);
        byte[] file = Sample().Segment(ElfBuilder.PtNote, notes).Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal("p_filesz of program header 2", e.Field);
        Assert.Contains("a note reaches beyond the end", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TooManyNotes_AreRefused()
    {
        byte[] file = Sample().Segment(ElfBuilder.PtNote, new byte[(16 << 10) + 1]).Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal("p_filesz of program header 2", e.Field);
    }

    [Fact]
    public void Load_EveryTruncation_IsRefusedAndWritesNothing()
    {
        byte[] file = Sample().Notes(new ElfNote("Xen\0", Phys32Entry, [4, 0, 0x20, 0])).Build();
        using GuardedMemory guarded = new(GuestLayout.Create(4 * MiB, 40));
        guarded.FillRam();
        SortedSet<string> fields = [];
        for (int length = 0; length < file.Length; length++)
        {
            fields.Add(Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file[..length], guarded.Memory)).Field);
        }

        Assert.Equal(
            [
                "ELF header", "boot_flag", "e_phoff", "p_offset of program header 0", "p_offset of program header 1",
                "p_offset of program header 2", "size",
            ],
            fields.Order(StringComparer.Ordinal));
        Assert.True(guarded.IsIntact);
        Assert.Empty(guarded.FindWrittenPages());
    }

    [Fact]
    public void Load_MostProgramHeaders_Work()
    {
        ElfBuilder builder = new();
        for (uint i = 0; i < 128; i++)
        {
            builder.Load(0x20_0000 + (i * 0x2000), Bytes(16, (int)i));
        }

        using LoadedSample sample = LoadedSample.Load(builder.Build(), 8 * MiB);

        Assert.Equal(128, sample.Image.Measured.Count(piece => piece.Name == "kernel"));
        Assert.Equal(Bytes(16, 127), sample.Read(0x20_0000 + (127 * 0x2000), 16));
    }

    private static void MoveBothBeyondRam(byte[] file)
    {
        Header(file, 0, MemorySize, 7 * MiB);
        Header(file, 1, PhysicalAddress, 9 * MiB);
    }

    /// <summary>Two segments: 16 bytes at 2 MiB with the entry, and 8 bytes and 8 KiB of zeros at 3 MiB.</summary>
    private static ElfBuilder Sample() => new ElfBuilder().Load(0x20_0000, Bytes(16, 1)).Load(0x30_0000, Bytes(8, 2), 0x2008);

    private static byte[] Bytes(int count, int start) => [.. Enumerable.Range(0, count).Select(i => (byte)(start + (i * 3) + 1))];

    private static void Header(byte[] file, int index, int field, ulong value, int size = 8) =>
        Put(file, ElfBuilder.HeaderOffset(index) + field, value, size);

    private static void Put(byte[] file, int offset, ulong value, int size = 8)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[..size].CopyTo(file.AsSpan(offset));
    }
}
