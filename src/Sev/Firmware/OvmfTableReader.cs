using System.Buffers.Binary;

namespace KvmSevVmm.Sev.Firmware;

/// <summary>Walks the GUID table at the end of a firmware image and the SEV-SNP metadata that it points to.</summary>
/// <remarks>
/// The table ends 0x20 bytes before the end of the image, and is read backwards: each entry is its data, its length u16 (data and 18
/// bytes), its GUID. The last entry is the footer, whose length is that of the whole table.
/// </remarks>
internal static class OvmfTableReader
{
    private const int TailSize = 0x20;
    private const int GuidSize = 16;
    private const int EntryOverhead = GuidSize + sizeof(ushort);
    private const int MetadataHeaderSize = 16;
    private const int MetadataSectionSize = 12;
    private const uint MetadataVersion = 1;

    /// <summary>Reads the entries, last one first; null where the image has no table.</summary>
    /// <exception cref="SevFormatException">There is a footer, but the table before it is malformed.</exception>
    internal static IReadOnlyList<OvmfTableEntry>? ReadEntries(ReadOnlyMemory<byte> image, string input)
    {
        int end = image.Length - TailSize;
        if (end < EntryOverhead || ReadId(image.Span, end) != OvmfTableIds.Footer)
        {
            return null;
        }

        int tableSize = ReadLength(image.Span, end);
        if (tableSize < EntryOverhead || tableSize > end)
        {
            throw new SevFormatException(input, "table length", $"{tableSize} is not between {EntryOverhead} and {end}");
        }

        ReadOnlyMemory<byte> rest = image[(end - tableSize)..(end - EntryOverhead)];
        List<OvmfTableEntry> entries = [];
        while (!rest.IsEmpty)
        {
            if (rest.Length < EntryOverhead)
            {
                throw new SevFormatException(input, "table", $"{rest.Length} bytes are left over at its start");
            }

            Guid id = ReadId(rest.Span, rest.Length);
            int length = ReadLength(rest.Span, rest.Length);
            if (length < EntryOverhead || length > rest.Length)
            {
                throw new SevFormatException(
                    input,
                    $"table entry {Describe(id)}",
                    $"its length {length} is not between {EntryOverhead} and {rest.Length}");
            }

            if (entries.Exists(entry => entry.Id == id))
            {
                throw new SevFormatException(input, $"table entry {Describe(id)}", "it stands there twice");
            }

            entries.Add(new OvmfTableEntry(id, rest[^length..^EntryOverhead]));
            rest = rest[..^length];
        }

        return entries;
    }

    /// <summary>Reads the one entry of that kind as numbers; null where there is none.</summary>
    /// <exception cref="SevFormatException">The entry has another size.</exception>
    internal static uint[]? ReadNumbers(IReadOnlyList<OvmfTableEntry> entries, Guid id, int count, string input)
    {
        OvmfTableEntry? entry = entries.FirstOrDefault(candidate => candidate.Id == id);
        if (entry is null)
        {
            return null;
        }

        if (entry.Data.Length != count * sizeof(uint))
        {
            throw new SevFormatException(
                input,
                $"table entry {Describe(id)}",
                $"it has {entry.Data.Length} bytes of data, not {count * sizeof(uint)}");
        }

        uint[] numbers = new uint[count];
        for (int index = 0; index < count; index++)
        {
            numbers[index] = BinaryPrimitives.ReadUInt32LittleEndian(entry.Data.Span[(index * sizeof(uint))..]);
        }

        return numbers;
    }

    /// <summary>
    /// Reads the SEV-SNP metadata: "ASEV", length u32, version u32, count u32, then count of {gpa, size, type}, each u32.
    /// </summary>
    /// <param name="image">The firmware image.</param>
    /// <param name="offsetFromEnd">Where the metadata starts, in bytes from the end of the image.</param>
    /// <param name="input">The image's name, for messages.</param>
    /// <exception cref="SevFormatException">The metadata is malformed.</exception>
    internal static IReadOnlyList<SnpSection> ReadSections(ReadOnlySpan<byte> image, uint offsetFromEnd, string input)
    {
        const string Field = "SEV metadata";
        if (offsetFromEnd > image.Length || offsetFromEnd < MetadataHeaderSize)
        {
            throw new SevFormatException(
                input,
                $"{Field} offset",
                $"{offsetFromEnd} from the end is not between {MetadataHeaderSize} and {image.Length}");
        }

        ReadOnlySpan<byte> metadata = image[^(int)offsetFromEnd..];
        if (!metadata.StartsWith("ASEV"u8))
        {
            throw new SevFormatException(input, $"{Field} signature", $"0x{Convert.ToHexStringLower(metadata[..4])} is not \"ASEV\"");
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(metadata[4..]);
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(metadata[8..]);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(metadata[12..]);
        if (version != MetadataVersion)
        {
            throw new SevFormatException(input, $"{Field} version", $"{version} is not {MetadataVersion}");
        }

        if (length > metadata.Length || length != MetadataHeaderSize + ((ulong)count * MetadataSectionSize))
        {
            throw new SevFormatException(
                input,
                $"{Field} length",
                $"{length} bytes for {count} sections of {MetadataSectionSize} bytes, where {metadata.Length} are left of the image");
        }

        List<SnpSection> sections = [];
        for (ReadOnlySpan<byte> rest = metadata[MetadataHeaderSize..(int)length]; !rest.IsEmpty; rest = rest[MetadataSectionSize..])
        {
            sections.Add(new SnpSection(
                BinaryPrimitives.ReadUInt32LittleEndian(rest),
                BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]),
                (SnpSectionType)BinaryPrimitives.ReadUInt32LittleEndian(rest[8..])));
        }

        return sections;
    }

    private static string Describe(Guid id) => OvmfTableIds.GetName(id) is { } name ? $"{name} ({id})" : $"{id}";

    // GUIDs are mixed-endian, as UEFI writes them; that is also how .NET reads them.
    private static Guid ReadId(ReadOnlySpan<byte> bytes, int end) => new(bytes[(end - GuidSize)..end]);

    private static int ReadLength(ReadOnlySpan<byte> bytes, int end) =>
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[(end - EntryOverhead)..]);
}
