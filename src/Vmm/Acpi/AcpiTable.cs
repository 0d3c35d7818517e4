using System.Buffers.Binary;
using System.Text;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>What all ACPI tables but the RSDP have in common: the header, and a checksum over the whole.</summary>
/// <remarks>Source: ACPI 6.4, 5.2.6, "System Description Table Header".</remarks>
internal static class AcpiTable
{
    /// <summary>Bytes in the header.</summary>
    internal const int HeaderSize = 36;

    /// <summary>Where the header has its checksum.</summary>
    internal const int ChecksumOffset = 9;

    /// <summary>Who made the tables, in six characters.</summary>
    internal const string OemId = "KVMSEV";

    private const string OemTableId = "KVMSEVVM";
    private const uint OemRevision = 1;
    private const string CreatorId = "KSVM";
    private const uint CreatorRevision = 1;
    private const int LengthOffset = 4;
    private const int RevisionOffset = 8;
    private const int OemIdOffset = 10;
    private const int OemTableIdOffset = 16;
    private const int OemRevisionOffset = 24;
    private const int CreatorIdOffset = 28;
    private const int CreatorRevisionOffset = 32;

    /// <summary>Makes a table; its checksum is right as long as nothing in it is changed.</summary>
    /// <param name="signature">Four characters.</param>
    /// <param name="revision">The revision of this kind of table.</param>
    /// <param name="body">What follows the header.</param>
    internal static byte[] Create(string signature, byte revision, ReadOnlySpan<byte> body)
    {
        byte[] table = new byte[HeaderSize + body.Length];
        Encoding.ASCII.GetBytes(signature, table);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(LengthOffset), (uint)table.Length);
        table[RevisionOffset] = revision;
        Encoding.ASCII.GetBytes(OemId, table.AsSpan(OemIdOffset));
        Encoding.ASCII.GetBytes(OemTableId, table.AsSpan(OemTableIdOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(OemRevisionOffset), OemRevision);
        Encoding.ASCII.GetBytes(CreatorId, table.AsSpan(CreatorIdOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(CreatorRevisionOffset), CreatorRevision);
        body.CopyTo(table.AsSpan(HeaderSize));
        SetChecksum(table, ChecksumOffset);
        return table;
    }

    /// <summary>Sets a checksum so that all bytes together are 0.</summary>
    /// <param name="bytes">What it covers.</param>
    /// <param name="offset">Where it is.</param>
    internal static void SetChecksum(Span<byte> bytes, int offset)
    {
        bytes[offset] = 0;
        int sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        bytes[offset] = (byte)-sum;
    }
}
