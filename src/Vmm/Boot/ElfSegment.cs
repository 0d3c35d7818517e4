using System.Buffers.Binary;
using System.Numerics;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>One program header of a 64-bit ELF file.</summary>
/// <param name="Index">Its place in the table.</param>
/// <param name="Type">p_type.</param>
/// <param name="FileOffset">p_offset.</param>
/// <param name="VirtualAddress">p_vaddr.</param>
/// <param name="PhysicalAddress">p_paddr.</param>
/// <param name="FileSize">p_filesz, bytes.</param>
/// <param name="MemorySize">p_memsz, bytes.</param>
/// <param name="Alignment">p_align, bytes.</param>
internal readonly record struct ElfSegment(
    int Index,
    uint Type,
    ulong FileOffset,
    ulong VirtualAddress,
    ulong PhysicalAddress,
    ulong FileSize,
    ulong MemorySize,
    ulong Alignment)
{
    /// <summary>PT_LOAD.</summary>
    internal const uint TypeLoad = 1;

    /// <summary>PT_INTERP.</summary>
    internal const uint TypeInterpreter = 3;

    /// <summary>PT_NOTE.</summary>
    internal const uint TypeNote = 4;

    /// <summary>The addresses of a segment that <see cref="Check"/> has passed.</summary>
    internal GpaRange PhysicalRange => new(new Gpa(PhysicalAddress), MemorySize);

    internal static ElfSegment Read(ReadOnlySpan<byte> header, int index) => new(
        index,
        BinaryPrimitives.ReadUInt32LittleEndian(header),
        BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[24..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[40..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[48..]));

    /// <summary>Names a field of this header for a message.</summary>
    /// <param name="field">The field as the specification names it.</param>
    internal string Name(string field) => $"{field} of program header {Index}";

    /// <summary>Whether <paramref name="address"/> is the physical address of a byte that comes from the file.</summary>
    /// <param name="address">A physical address.</param>
    internal bool HoldsPhysical(ulong address) => unchecked(address - PhysicalAddress) < FileSize;

    /// <summary>Checks a segment that is to be loaded against itself and against the file.</summary>
    /// <param name="source">The file.</param>
    /// <exception cref="InvalidInputException">Names the field.</exception>
    internal void Check(ImageSource source)
    {
        if (FileSize > MemorySize)
        {
            throw source.Invalid(Name("p_filesz"), $"0x{FileSize:x} is more than p_memsz, 0x{MemorySize:x}");
        }

        if (FileSize > source.Length || FileOffset > source.Length - FileSize)
        {
            throw source.Invalid(
                Name("p_offset"),
                $"the segment is 0x{FileSize:x} bytes at 0x{FileOffset:x}, but the file ends at byte {source.Length}");
        }

        // Leave room for the rounding to pages, too.
        if (!GpaRange.TryCreate(new Gpa(PhysicalAddress), MemorySize, out GpaRange range) || range.End.Value > 1UL << 63)
        {
            throw source.Invalid(Name("p_memsz"), $"0x{MemorySize:x} bytes at 0x{PhysicalAddress:x} reach beyond every address");
        }

        if (Alignment > 1 && !BitOperations.IsPow2(Alignment))
        {
            throw source.Invalid(Name("p_align"), $"0x{Alignment:x} is not a power of two");
        }
    }
}
