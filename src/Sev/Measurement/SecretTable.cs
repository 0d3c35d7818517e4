using System.Buffers.Binary;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The table of secrets that OVMF and Linux's <c>efi_secret</c> read: a GUID and u32 length, then entries of GUID, u32 length, data.
/// The lengths include the 20 bytes of their heads; the whole is padded with zeros to a multiple of 16.
/// </summary>
/// <remarks>Source: OVMF's confidential computing secret area; <c>sevctl secret build</c> writes the same.</remarks>
public static class SecretTable
{
    /// <summary>The GUID at the table's start.</summary>
    public static readonly Guid HeaderId = new("1e74f542-71dd-4d66-963e-ef4287ff173b");

    private const int GuidSize = 16;
    private const int HeadSize = GuidSize + sizeof(uint);

    /// <summary>Writes a table.</summary>
    /// <param name="entries">The secrets, in the order in which they shall stand there.</param>
    /// <returns>The table, a multiple of 16 bytes.</returns>
    public static byte[] ToBytes(IReadOnlyList<SecretEntry> entries)
    {
        int size = HeadSize + entries.Sum(entry => HeadSize + entry.Data.Length);
        byte[] table = new byte[(size + 15) & ~15];
        WriteHead(table, HeaderId, size);
        int offset = HeadSize;
        foreach (SecretEntry entry in entries)
        {
            WriteHead(table.AsSpan(offset), entry.Id, HeadSize + entry.Data.Length);
            entry.Data.Span.CopyTo(table.AsSpan(offset + HeadSize));
            offset += HeadSize + entry.Data.Length;
        }

        return table;
    }

    /// <summary>Reads a table.</summary>
    /// <param name="bytes">The table, and zeros after it.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">A GUID or a length is not what it must be.</exception>
    public static IReadOnlyList<SecretEntry> Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length < HeadSize)
        {
            throw new SevFormatException(input, "secret table", $"its head has {HeadSize} bytes, here are {bytes.Length}");
        }

        Guid id = new(bytes[..GuidSize]);
        if (id != HeaderId)
        {
            throw new SevFormatException(input, "secret table GUID", $"{id} is not {HeaderId}");
        }

        uint total = BinaryPrimitives.ReadUInt32LittleEndian(bytes[GuidSize..]);
        if (total < HeadSize || total > bytes.Length)
        {
            throw new SevFormatException(input, "secret table length", $"{total} is not between {HeadSize} and {bytes.Length}");
        }

        if (bytes[(int)total..].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "secret table padding", "the bytes after the table are not zero");
        }

        List<SecretEntry> entries = [];
        ReadOnlySpan<byte> rest = bytes[HeadSize..(int)total];
        while (!rest.IsEmpty)
        {
            if (rest.Length < HeadSize)
            {
                throw new SevFormatException(
                    input,
                    $"secret {entries.Count + 1}",
                    $"its head has {HeadSize} bytes, here are {rest.Length}");
            }

            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest[GuidSize..]);
            if (length < HeadSize || length > rest.Length)
            {
                throw new SevFormatException(
                    input,
                    $"secret {entries.Count + 1} length",
                    $"{length} is not between {HeadSize} and {rest.Length}");
            }

            entries.Add(new SecretEntry(new Guid(rest[..GuidSize]), rest[HeadSize..(int)length].ToArray()));
            rest = rest[(int)length..];
        }

        return entries;
    }

    private static void WriteHead(Span<byte> destination, Guid id, int length)
    {
        // Mixed-endian, as UEFI writes GUIDs.
        _ = id.TryWriteBytes(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[GuidSize..], (uint)length);
    }
}
