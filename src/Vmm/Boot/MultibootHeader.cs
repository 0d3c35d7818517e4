using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The header by which a multiboot image is known: somewhere in its first 8 KiB, on a 4-byte boundary.</summary>
/// <param name="Offset">Where it is in the file.</param>
/// <param name="Addresses">Where the image belongs, if the header says so; otherwise the file is an ELF file.</param>
/// <remarks>Source: Multiboot Specification 0.6.96, 3.1, "OS image format".</remarks>
internal readonly record struct MultibootHeader(ulong Offset, MultibootAddresses? Addresses)
{
    private const uint Magic = 0x1BAD_B002;
    private const int SearchLength = 8192;
    private const int Size = 32;
    private const int FieldsSize = 12;
    private const uint HasAddresses = 1 << 16;

    /// <summary>What an image may demand: modules on page boundaries, and a memory map. Both are given to all.</summary>
    private const uint KnownDemands = 0x3;

    private const uint Demands = 0xFFFF;

    /// <summary>Looks for the header.</summary>
    /// <param name="source">The file.</param>
    /// <param name="header">The header, when there is one.</param>
    /// <exception cref="InvalidInputException">There is one, and it demands what this loader does not do.</exception>
    internal static bool TryFind(ImageSource source, out MultibootHeader header)
    {
        Span<byte> start = stackalloc byte[SearchLength];
        start = start[..(int)Math.Min(SearchLength, source.Length)];
        source.ReadExactly(start, 0, "multiboot header");
        for (int offset = 0; offset + FieldsSize <= start.Length; offset += sizeof(uint))
        {
            uint flags = U32(start, offset + 4);
            if (U32(start, offset) == Magic && unchecked(Magic + flags + U32(start, offset + 8)) == 0)
            {
                header = Read(source, start[offset..], flags, (ulong)offset);
                return true;
            }
        }

        header = default;
        return false;
    }

    private static MultibootHeader Read(ImageSource source, ReadOnlySpan<byte> bytes, uint flags, ulong offset)
    {
        uint unknown = flags & Demands & ~KnownDemands;
        if (unknown != 0)
        {
            throw source.Invalid("multiboot flags", $"0x{flags:x} demand what this loader does not do (0x{unknown:x})");
        }

        if ((flags & HasAddresses) == 0)
        {
            return new MultibootHeader(offset, null);
        }

        return bytes.Length < Size
            ? throw source.Invalid("multiboot header", "its addresses lie beyond the first 8 KiB")
            : new MultibootHeader(
                offset,
                new MultibootAddresses(U32(bytes, 12), U32(bytes, 16), U32(bytes, 20), U32(bytes, 24), U32(bytes, 28)));
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
