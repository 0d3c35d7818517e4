using System.Buffers.Binary;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// The certificates that a host gives a guest with an extended report: entries of GUID[16] ‖ offset u32 ‖ length u32, ended by one of
/// zeros, then the certificates. Immutable.
/// </summary>
/// <remarks>Source: GHCB specification 56421, SNP Extended Guest Request. GUIDs stand in the byte order of RFC 4122.</remarks>
public sealed class CertificateTable
{
    /// <summary>The VCEK.</summary>
    public static readonly Guid Vcek = new("63da758d-e664-4564-adc5-f4b93be8accd");

    /// <summary>The VLEK.</summary>
    public static readonly Guid Vlek = new("a8074bc2-a25a-483e-aae6-39c045a0b8a1");

    /// <summary>The ASK or ASVK.</summary>
    public static readonly Guid Ask = new("4ab7b379-bbac-4fe4-a02f-05aef327c782");

    /// <summary>The ARK.</summary>
    public static readonly Guid Ark = new("c0b406a4-a803-4952-9743-3fb6014cd0ae");

    private const int GuidSize = 16;
    private const int EntrySize = GuidSize + (2 * sizeof(uint));

    /// <summary>Makes a table.</summary>
    /// <param name="entries">Its entries, in order.</param>
    public CertificateTable(IReadOnlyList<CertificateTableEntry> entries)
    {
        Entries = entries;
    }

    /// <summary>The entries, in the order of the table.</summary>
    public IReadOnlyList<CertificateTableEntry> Entries { get; }

    /// <summary>What people call an entry: VCEK, VLEK, ASK, ARK, or the GUID itself.</summary>
    /// <param name="id">The entry's GUID.</param>
    public static string GetName(Guid id) =>
        id == Vcek ? "VCEK" : id == Vlek ? "VLEK" : id == Ask ? "ASK" : id == Ark ? "ARK" : id.ToString();

    /// <summary>Reads a table.</summary>
    /// <param name="bytes">Entries and certificates.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">
    /// There is no end, an entry stands there twice, or a certificate lies outside or in the entries.
    /// </exception>
    public static CertificateTable Parse(ReadOnlySpan<byte> bytes, string input)
    {
        List<(Guid Id, uint Offset, uint Length)> heads = [];
        ReadOnlySpan<byte> rest = bytes;
        while (true)
        {
            if (rest.Length < EntrySize)
            {
                throw new SevFormatException(input, "certificate table", "it has no end: no entry of zeros");
            }

            ReadOnlySpan<byte> head = rest[..EntrySize];
            rest = rest[EntrySize..];
            if (!head.ContainsAnyExcept((byte)0))
            {
                break;
            }

            Guid id = new(head[..GuidSize], bigEndian: true);
            if (heads.Exists(other => other.Id == id))
            {
                throw new SevFormatException(input, $"certificate {GetName(id)}", "it stands there twice");
            }

            uint offset = BinaryPrimitives.ReadUInt32LittleEndian(head[GuidSize..]);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(head[(GuidSize + sizeof(uint))..]);
            heads.Add((id, offset, length));
        }

        int start = bytes.Length - rest.Length;
        List<CertificateTableEntry> entries = [];
        foreach ((Guid id, uint offset, uint length) in heads)
        {
            if (offset < start || length == 0 || offset + (ulong)length > (ulong)bytes.Length)
            {
                throw new SevFormatException(
                    input,
                    $"certificate {GetName(id)}",
                    $"{length} bytes at {offset} do not lie between {start} and {bytes.Length}");
            }

            entries.Add(new CertificateTableEntry(id, bytes.Slice((int)offset, (int)length).ToArray()));
        }

        return new CertificateTable(entries);
    }

    /// <summary>The table with its certificates behind it, as a host hands it out.</summary>
    public byte[] ToBytes()
    {
        int start = (Entries.Count + 1) * EntrySize;
        byte[] bytes = new byte[start + Entries.Sum(entry => entry.Data.Length)];
        int offset = start;
        for (int index = 0; index < Entries.Count; index++)
        {
            CertificateTableEntry entry = Entries[index];
            Span<byte> head = bytes.AsSpan(index * EntrySize, EntrySize);
            _ = entry.Id.TryWriteBytes(head, bigEndian: true, out _);
            BinaryPrimitives.WriteUInt32LittleEndian(head[GuidSize..], (uint)offset);
            BinaryPrimitives.WriteUInt32LittleEndian(head[(GuidSize + sizeof(uint))..], (uint)entry.Data.Length);
            entry.Data.Span.CopyTo(bytes.AsSpan(offset));
            offset += entry.Data.Length;
        }

        return bytes;
    }

    /// <summary>The certificates of AMD's hierarchy, read; entries with other GUIDs are left out.</summary>
    /// <param name="input">What the table is, for messages.</param>
    /// <exception cref="SevFormatException">One of them is malformed.</exception>
    public IReadOnlyList<AmdX509Certificate> ReadCertificates(string input) =>
    [
        .. Entries.Where(entry => entry.Id == Vcek || entry.Id == Vlek || entry.Id == Ask || entry.Id == Ark)
            .SelectMany(entry => X509File.Parse(entry.Data.Span, $"{input} ({GetName(entry.Id)})")),
    ];
}
