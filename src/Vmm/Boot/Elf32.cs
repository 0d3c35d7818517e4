using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Reads the headers of a 32-bit ELF file.</summary>
/// <remarks>Source: System V ABI, chapter 4 and 5, "Object Files" and "Program Loading".</remarks>
internal static class Elf32
{
    private const int HeaderSize = 52;
    private const int ProgramHeaderSize = 32;
    private const int MaxProgramHeaders = 128;
    private const byte LittleEndian = 1;
    private const ushort TypeExecutable = 2;
    private const ushort Machine386 = 3;

    /// <summary>Reads and checks what is to be loaded.</summary>
    /// <param name="source">The file, whose class has been looked at.</param>
    /// <param name="entry">e_entry.</param>
    /// <returns>The segments by ascending physical address, without overlaps; at least one.</returns>
    /// <exception cref="InvalidInputException">Names the field.</exception>
    internal static ElfSegment[] ReadSegments(ImageSource source, out ulong entry)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        source.ReadExactly(header, 0, "ELF header");
        ElfImage.Expect(source, "EI_DATA", header[5], LittleEndian, "a little-endian file");
        ElfImage.Expect(source, "e_type", U16(header, 0x10), TypeExecutable, "an executable");
        ElfImage.Expect(source, "e_machine", U16(header, 0x12), Machine386, "i386");
        ElfImage.Expect(source, "e_phentsize", U16(header, 0x2A), ProgramHeaderSize, "the size of a 32-bit program header");
        int count = U16(header, 0x2C);
        if (count is 0 or > MaxProgramHeaders)
        {
            throw source.Invalid("e_phnum", $"is {count}; 1 to {MaxProgramHeaders} are possible");
        }

        Span<byte> table = stackalloc byte[MaxProgramHeaders * ProgramHeaderSize];
        table = table[..(count * ProgramHeaderSize)];
        source.ReadExactly(table, U32(header, 0x1C), "e_phoff");
        List<ElfSegment> segments = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> row = table.Slice(i * ProgramHeaderSize, ProgramHeaderSize);
            ElfSegment segment = new(i, U32(row, 0), U32(row, 4), U32(row, 8), U32(row, 12), U32(row, 16), U32(row, 20), U32(row, 28));
            if (segment.Type == ElfSegment.TypeLoad && segment.MemorySize != 0)
            {
                segment.Check(source);
                segments.Add(segment);
            }
        }

        entry = U32(header, 0x18);
        return ElfImage.Sort(source, segments);
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
