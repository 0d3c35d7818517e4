using System.Buffers.Binary;
using System.Text;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Acpi;

/// <summary>Placed ACPI tables, found as a guest finds them: from the RSDP by pointers, every checksum looked at on the way.</summary>
internal sealed class AcpiImage
{
    private readonly byte[] _bytes;
    private readonly ulong _address;
    private readonly Dictionary<string, byte[]> _tables = [];

    internal AcpiImage(byte[] bytes, ulong address)
    {
        _bytes = bytes;
        _address = address;
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(bytes, 0, 8));
        Assert.Equal(2, bytes[15]);
        AssertSum(bytes.AsSpan(0, 20));
        AssertSum(bytes.AsSpan(0, (int)U32(20)));
        byte[] xsdt = Follow(U64(24));
        for (int offset = 36; offset < xsdt.Length; offset += 8)
        {
            Follow(BinaryPrimitives.ReadUInt64LittleEndian(xsdt.AsSpan(offset)));
        }

        Follow(BinaryPrimitives.ReadUInt64LittleEndian(this["FACP"].AsSpan(140)));
    }

    /// <summary>Every table that was found, by its signature.</summary>
    internal IReadOnlyDictionary<string, byte[]> Tables => _tables;

    /// <summary>A table by its signature.</summary>
    internal byte[] this[string signature] => _tables[signature];

    private byte[] Follow(ulong address)
    {
        Assert.Equal(0UL, address % 16);
        int offset = checked((int)(address - _address));
        byte[] table = _bytes[offset..(offset + (int)U32(offset + 4))];
        AssertSum(table);
        _tables.Add(Encoding.ASCII.GetString(table, 0, 4), table);
        return table;
    }

    private static void AssertSum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        Assert.Equal(0, sum);
    }

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ulong U64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));
}
