using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Reads the notes of an ELF kernel.</summary>
internal static class ElfNotes
{
    // Linux's notes are a few hundred bytes.
    private const int MaxNotesSize = 16 << 10;
    private const int NoteHeaderSize = 12;
    private const int WordAlignment = 4;

    /// <summary>XEN_ELFNOTE_PHYS32_ENTRY.</summary>
    private const uint Phys32Entry = 18;

    /// <summary>Looks for the PVH entry in a PT_NOTE segment.</summary>
    /// <param name="source">The file.</param>
    /// <param name="segment">The segment.</param>
    /// <returns>The 32-bit physical address, or null.</returns>
    /// <exception cref="InvalidInputException">The notes are damaged.</exception>
    internal static ulong? FindPvhEntry(ImageSource source, ElfSegment segment)
    {
        if (segment.FileSize > MaxNotesSize)
        {
            throw source.Invalid(
                segment.Name("p_filesz"),
                $"0x{segment.FileSize:x} bytes of notes are more than the 0x{MaxNotesSize:x} that are read");
        }

        Span<byte> buffer = stackalloc byte[MaxNotesSize];
        buffer = buffer[..(int)segment.FileSize];
        source.ReadExactly(buffer, segment.FileOffset, segment.Name("p_offset"));

        ReadOnlySpan<byte> rest = buffer;
        uint alignment = segment.Alignment == 8 ? 8u : WordAlignment;
        while (rest.Length >= NoteHeaderSize)
        {
            uint nameSize = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            uint descriptorSize = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
            ulong descriptorStart = AlignUp(NoteHeaderSize + (ulong)nameSize, alignment);
            ulong descriptorEnd = descriptorStart + descriptorSize;
            if (descriptorEnd > (ulong)rest.Length)
            {
                throw source.Invalid(segment.Name("p_filesz"), "a note reaches beyond the end of the notes");
            }

            if (type == Phys32Entry && rest.Slice(NoteHeaderSize, (int)nameSize).SequenceEqual("Xen\0"u8))
            {
                return ReadEntry(source, rest[(int)descriptorStart..(int)descriptorEnd]);
            }

            rest = rest[(int)Math.Min(AlignUp(descriptorEnd, alignment), (ulong)rest.Length)..];
        }

        return null;
    }

    private static ulong ReadEntry(ImageSource source, ReadOnlySpan<byte> descriptor)
    {
        ulong entry = descriptor.Length switch
        {
            sizeof(uint) => BinaryPrimitives.ReadUInt32LittleEndian(descriptor),
            sizeof(ulong) => BinaryPrimitives.ReadUInt64LittleEndian(descriptor),
            _ => throw source.Invalid("XEN_ELFNOTE_PHYS32_ENTRY", $"is {descriptor.Length} bytes long; 4 or 8 are possible"),
        };
        return entry <= uint.MaxValue
            ? entry
            : throw source.Invalid("XEN_ELFNOTE_PHYS32_ENTRY", $"0x{entry:x} is not a 32-bit address");
    }

    private static ulong AlignUp(ulong value, uint alignment) => (value + alignment - 1) & ~((ulong)alignment - 1);
}
