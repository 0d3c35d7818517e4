using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Firmware;

/// <summary>
/// The table of SHA-256 hashes by which a measured firmware checks the kernel, initrd and command line that an untrusted monitor hands
/// it: GUID ‖ u16 168, then for command line, initrd and kernel each GUID ‖ u16 50 ‖ hash; padded to 176 bytes. Immutable.
/// </summary>
/// <remarks>Source: edk2, OvmfPkg/AmdSev/BlobVerifierLibSevHashes; the same table as QEMU's.</remarks>
public sealed class SevHashTable : IEquatable<SevHashTable>
{
    /// <summary>Bytes of the table.</summary>
    public const int Size = 168;

    /// <summary>Bytes of the table as it is launched: a multiple of 16.</summary>
    public const int PaddedSize = 176;

    /// <summary>Bytes of one hash.</summary>
    public const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>The GUID at the table's start.</summary>
    public static readonly Guid TableId = new("9438d606-4f22-4cc9-b479-a793d411fd21");

    /// <summary>The GUID of the command line's entry.</summary>
    public static readonly Guid CommandLineId = new("97d02dd8-bd20-4c94-aa78-e7714d36ab2a");

    /// <summary>The GUID of the initrd's entry.</summary>
    public static readonly Guid InitrdId = new("44baf731-3a2f-4bd7-9af1-41e29169781d");

    /// <summary>The GUID of the kernel's entry.</summary>
    public static readonly Guid KernelId = new("4de79437-abd2-427f-b835-d5b172d2045b");

    private const int GuidSize = 16;
    private const int HeadSize = GuidSize + sizeof(ushort);
    private const int EntrySize = HeadSize + HashSize;
    private const int PageSize = 4096;

    private readonly byte[] _bytes = new byte[PaddedSize];

    /// <summary>Makes the table.</summary>
    /// <param name="commandLineHash">SHA-256 of the command line with its final NUL, 32 bytes.</param>
    /// <param name="initrdHash">SHA-256 of the initrd, of nothing where there is none, 32 bytes.</param>
    /// <param name="kernelHash">SHA-256 of the kernel file as it is handed to the guest, 32 bytes.</param>
    /// <exception cref="ArgumentException">A hash has another length.</exception>
    public SevHashTable(ReadOnlySpan<byte> commandLineHash, ReadOnlySpan<byte> initrdHash, ReadOnlySpan<byte> kernelHash)
    {
        WriteHead(0, TableId, Size);
        WriteEntry(0, CommandLineId, commandLineHash);
        WriteEntry(1, InitrdId, initrdHash);
        WriteEntry(2, KernelId, kernelHash);
    }

    /// <summary>SHA-256 of the command line with its final NUL, 32 bytes.</summary>
    public ReadOnlySpan<byte> CommandLineHash => GetHash(0);

    /// <summary>SHA-256 of the initrd, 32 bytes.</summary>
    public ReadOnlySpan<byte> InitrdHash => GetHash(1);

    /// <summary>SHA-256 of the kernel file, 32 bytes.</summary>
    public ReadOnlySpan<byte> KernelHash => GetHash(2);

    /// <summary>The table and its padding, 176 bytes: what SEV and SEV-ES launch at the base of the hash area.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Reads a table.</summary>
    /// <param name="bytes">The table, 168 bytes, or 176 with its padding.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">A size, a GUID, a length or the padding is not what it must be.</exception>
    public static SevHashTable Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length is not (Size or PaddedSize))
        {
            throw new SevFormatException(input, "hash table", $"{bytes.Length} bytes instead of {Size} or {PaddedSize}");
        }

        RequireHead(bytes, TableId, Size, input, "hash table");
        RequireHead(bytes[GetOffset(0)..], CommandLineId, EntrySize, input, "command line entry");
        RequireHead(bytes[GetOffset(1)..], InitrdId, EntrySize, input, "initrd entry");
        RequireHead(bytes[GetOffset(2)..], KernelId, EntrySize, input, "kernel entry");
        if (bytes[Size..].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "hash table padding", "it is not zero");
        }

        return new SevHashTable(SliceHash(bytes, 0), SliceHash(bytes, 1), SliceHash(bytes, 2));
    }

    /// <summary>Where the table stands in guest memory.</summary>
    /// <param name="firmware">The firmware that shall check the hashes.</param>
    /// <exception cref="SevFormatException">
    /// The firmware has no hash area, one of size 0 or a too small one, and would ignore the hashes.
    /// </exception>
    public static ulong GetGpa(OvmfFirmware firmware) => firmware.RequireHashArea().Base;

    /// <summary>The page with the table that SEV-SNP launches in place of the firmware's section for kernel hashes.</summary>
    /// <param name="firmware">The firmware that shall check the hashes.</param>
    /// <returns>The page, 4096 bytes, zero around the table.</returns>
    /// <exception cref="SevFormatException">
    /// The firmware has no hash area or no section of that kind, or the area lies elsewhere.
    /// </exception>
    public byte[] ToPage(OvmfFirmware firmware)
    {
        OvmfArea area = firmware.RequireHashArea();
        SnpSection section = firmware.SnpSections.FirstOrDefault(candidate => candidate.Type == SnpSectionType.KernelHashes);
        if (section.Size == 0)
        {
            throw new SevFormatException(
                firmware.Input,
                "SEV metadata",
                "the image has no SNP_KERNEL_HASHES section and ignores kernel hashes: take an AmdSevX64 build of edk2");
        }

        ulong offset = (ulong)area.Base - section.Gpa;
        if (area.Base < section.Gpa || offset + PaddedSize > PageSize)
        {
            throw new SevFormatException(
                firmware.Input,
                "SEV hash area",
                $"0x{area.Base:x} is not in the page of SNP_KERNEL_HASHES at 0x{section.Gpa:x}, or the table does not fit into it");
        }

        byte[] page = new byte[PageSize];
        _bytes.CopyTo(page.AsSpan((int)offset));
        return page;
    }

    /// <inheritdoc/>
    public bool Equals(SevHashTable? other) => other is not null && _bytes.AsSpan().SequenceEqual(other._bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SevHashTable);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        BinaryPrimitives.ReadInt32LittleEndian(KernelHash) ^ BinaryPrimitives.ReadInt32LittleEndian(CommandLineHash);

    private static int GetOffset(int entry) => HeadSize + (entry * EntrySize);

    private static ReadOnlySpan<byte> SliceHash(ReadOnlySpan<byte> table, int entry) => table.Slice(GetOffset(entry) + HeadSize, HashSize);

    private static void RequireHead(ReadOnlySpan<byte> bytes, Guid id, ushort length, string input, string field)
    {
        Guid found = new(bytes[..GuidSize]);
        if (found != id)
        {
            throw new SevFormatException(input, $"{field} GUID", $"{found} is not {id}");
        }

        ushort foundLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[GuidSize..]);
        if (foundLength != length)
        {
            throw new SevFormatException(input, $"{field} length", $"{foundLength} is not {length}");
        }
    }

    private ReadOnlySpan<byte> GetHash(int entry) => SliceHash(_bytes, entry);

    private void WriteEntry(int entry, Guid id, ReadOnlySpan<byte> hash)
    {
        if (hash.Length != HashSize)
        {
            throw new ArgumentException($"a hash of {hash.Length} bytes instead of {HashSize}", nameof(hash));
        }

        WriteHead(GetOffset(entry), id, EntrySize);
        hash.CopyTo(_bytes.AsSpan(GetOffset(entry) + HeadSize));
    }

    private void WriteHead(int offset, Guid id, ushort length)
    {
        _ = id.TryWriteBytes(_bytes.AsSpan(offset));
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(offset + GuidSize), length);
    }
}
