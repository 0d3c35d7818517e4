using System.Buffers.Binary;
using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>All ACPI tables of a machine, before they have an address: the same machine gives the same bytes.</summary>
/// <remarks>
/// <para>Two blocks, as firmware takes them: the RSDP, and the tables one after the other, each on a 16-byte boundary. Pointers hold
/// offsets into the second block; <see cref="Pointers"/> and <see cref="Checksums"/> say what remains to be done once it has an address. A
/// direct boot does it by <see cref="Place"/>; firmware does it itself.</para>
/// <para>Source: ACPI 6.4, chapter 5.2.</para>
/// </remarks>
public sealed class AcpiTables
{
    /// <summary>Bytes in the RSDP.</summary>
    public const int RsdpSize = 36;

    /// <summary>The boundary that each table begins on.</summary>
    public const int Alignment = 16;

    private const int RsdpChecksumOffset = 8;
    private const int RsdpOemIdOffset = 9;
    private const int RsdpRevisionOffset = 15;
    private const int RsdpLengthOffset = 20;
    private const int RsdpXsdtOffset = 24;
    private const int RsdpExtendedChecksumOffset = 32;
    private const byte RsdpRevision = 2;

    /// <summary>What the first checksum of the RSDP covers: the structure of ACPI 1.0.</summary>
    private const int RsdpFirstSize = 20;

    private const byte XsdtRevision = 1;

    private readonly byte[] _rsdp = new byte[RsdpSize];
    private readonly byte[] _tables;
    private readonly List<AcpiPointer> _pointers = [];
    private readonly List<AcpiChecksum> _checksums = [];

    private AcpiTables(byte[] dsdt, byte[] fadt, byte[] madt)
    {
        int fadtOffset = Align(dsdt.Length);
        int madtOffset = fadtOffset + Align(fadt.Length);
        int xsdtOffset = madtOffset + Align(madt.Length);
        byte[] xsdt = AcpiTable.Create("XSDT", XsdtRevision, new byte[2 * sizeof(ulong)]);
        _tables = new byte[xsdtOffset + xsdt.Length];
        Add(dsdt, 0);
        Add(fadt, fadtOffset);
        Add(madt, madtOffset);
        Add(xsdt, xsdtOffset);
        Point(AcpiBlock.Tables, fadtOffset + Fadt.XDsdtOffset, 0);
        Point(AcpiBlock.Tables, xsdtOffset + AcpiTable.HeaderSize, fadtOffset);
        Point(AcpiBlock.Tables, xsdtOffset + AcpiTable.HeaderSize + sizeof(ulong), madtOffset);
        MakeRsdp(xsdtOffset);
    }

    /// <summary>The RSDP.</summary>
    public ReadOnlySpan<byte> Rsdp => _rsdp;

    /// <summary>DSDT, FADT, MADT and XSDT.</summary>
    public ReadOnlySpan<byte> Tables => _tables;

    /// <summary>The 64-bit fields that hold an offset into <see cref="Tables"/> and must hold an address.</summary>
    public IReadOnlyList<AcpiPointer> Pointers => _pointers;

    /// <summary>The checksums, to be made after the pointers; until then their fields are 0.</summary>
    public IReadOnlyList<AcpiChecksum> Checksums => _checksums;

    /// <summary>Makes the tables of a machine.</summary>
    /// <param name="vcpuCount">Its processors.</param>
    /// <param name="devices">Its devices.</param>
    public static AcpiTables Create(int vcpuCount, IReadOnlyList<AcpiDevice> devices) =>
        new(Dsdt.Create(devices), Fadt.Create(), Madt.Create(vcpuCount));

    /// <summary>Makes the tables of a machine.</summary>
    /// <param name="config">The machine.</param>
    /// <exception cref="InvalidInputException">Its devices do not find room.</exception>
    public static AcpiTables Create(VmConfig config) => Create(config.VcpuCount, DevicePlan.Create(config).AcpiDevices);

    /// <summary>The finished bytes for fixed addresses: the RSDP first, the tables at the next 16-byte boundary.</summary>
    /// <param name="address">Where the RSDP will lie; a multiple of 16.</param>
    public byte[] Place(ulong address)
    {
        int tablesOffset = Align(RsdpSize);
        byte[] image = new byte[tablesOffset + _tables.Length];
        _rsdp.CopyTo(image, 0);
        _tables.CopyTo(image, tablesOffset);
        foreach (AcpiPointer pointer in _pointers)
        {
            Span<byte> field = image.AsSpan(OffsetOf(pointer.Block) + pointer.Offset);
            ulong target = BinaryPrimitives.ReadUInt64LittleEndian(field);
            BinaryPrimitives.WriteUInt64LittleEndian(field, address + (ulong)tablesOffset + target);
        }

        foreach (AcpiChecksum checksum in _checksums)
        {
            Span<byte> covered = image.AsSpan(OffsetOf(checksum.Block) + checksum.Start, checksum.Length);
            AcpiTable.SetChecksum(covered, checksum.Offset - checksum.Start);
        }

        return image;

        int OffsetOf(AcpiBlock block) => block == AcpiBlock.Rsdp ? 0 : tablesOffset;
    }

    private static int Align(int length) => (length + Alignment - 1) & ~(Alignment - 1);

    private void Add(byte[] table, int offset)
    {
        table.CopyTo(_tables, offset);

        // OVMF's sum takes the field in, so it must be 0 before.
        _tables[offset + AcpiTable.ChecksumOffset] = 0;
        _checksums.Add(new AcpiChecksum(AcpiBlock.Tables, offset + AcpiTable.ChecksumOffset, offset, table.Length));
    }

    private void Point(AcpiBlock block, int offset, int target)
    {
        byte[] bytes = block == AcpiBlock.Rsdp ? _rsdp : _tables;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), (ulong)target);
        _pointers.Add(new AcpiPointer(block, offset));
    }

    private void MakeRsdp(int xsdtOffset)
    {
        "RSD PTR "u8.CopyTo(_rsdp);
        System.Text.Encoding.ASCII.GetBytes(AcpiTable.OemId, _rsdp.AsSpan(RsdpOemIdOffset));
        _rsdp[RsdpRevisionOffset] = RsdpRevision;
        BinaryPrimitives.WriteUInt32LittleEndian(_rsdp.AsSpan(RsdpLengthOffset), RsdpSize);
        Point(AcpiBlock.Rsdp, RsdpXsdtOffset, xsdtOffset);

        // In this order: the second covers the first.
        _checksums.Add(new AcpiChecksum(AcpiBlock.Rsdp, RsdpChecksumOffset, 0, RsdpFirstSize));
        _checksums.Add(new AcpiChecksum(AcpiBlock.Rsdp, RsdpExtendedChecksumOffset, 0, RsdpSize));
    }
}
