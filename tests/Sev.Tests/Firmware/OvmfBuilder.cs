using System.Buffers.Binary;
using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Sev.Tests.Firmware;

/// <summary>Writes firmware images: noise, SEV-SNP metadata, a GUID table at the end. Written apart from the reader.</summary>
internal sealed class OvmfBuilder
{
    private readonly List<(Guid Id, byte[] Data)> _entries = [];
    private readonly List<uint[]> _sections = [];

    internal int Size { get; set; } = 16384;

    internal uint MetadataVersion { get; set; } = 1;

    internal uint? MetadataLength { get; set; }

    internal string Signature { get; set; } = "ASEV";

    /// <summary>An image with all that a SEV-SNP guest with kernel hashes needs.</summary>
    internal static OvmfBuilder Complete() => new OvmfBuilder()
        .Add(OvmfTableIds.SevEsResetBlock, 0x80b004)
        .Add(OvmfTableIds.SecretArea, 0x810000, 0xc00)
        .Add(OvmfTableIds.HashArea, 0x810c00, 0x400)
        .AddSection(0x800000, 0x9000, 1)
        .AddSection(0x80d000, 0x1000, 2)
        .AddSection(0x80e000, 0x1000, 3)
        .AddSection(0x80f000, 0x1000, 4)
        .AddSection(0x810000, 0x1000, 0x10);

    internal OvmfBuilder Add(Guid id, params uint[] numbers)
    {
        byte[] data = new byte[numbers.Length * 4];
        for (int index = 0; index < numbers.Length; index++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(index * 4), numbers[index]);
        }

        _entries.Add((id, data));
        return this;
    }

    internal OvmfBuilder Remove(Guid id)
    {
        _entries.RemoveAll(entry => entry.Id == id);
        return this;
    }

    internal OvmfBuilder AddSection(uint gpa, uint size, uint type)
    {
        _sections.Add([gpa, size, type]);
        return this;
    }

    internal OvmfFirmware Build() => OvmfFirmware.Parse(ToBytes(), "built.fd");

    internal byte[] ToBytes()
    {
        byte[] image = new byte[Size];
        new Random(1).NextBytes(image.AsSpan(0, Size / 2));
        List<(Guid Id, byte[] Data)> entries = [.. _entries];
        if (_sections.Count > 0)
        {
            const int MetadataOffset = 0x554;
            byte[] metadata =
            [
                .. System.Text.Encoding.ASCII.GetBytes(Signature),
                .. Number(MetadataLength ?? (uint)(16 + (12 * _sections.Count))),
                .. Number(MetadataVersion),
                .. Number((uint)_sections.Count),
                .. _sections.SelectMany(section => section).SelectMany(Number),
            ];
            metadata.CopyTo(image.AsSpan(Size - MetadataOffset));
            entries.Add((OvmfTableIds.SevMetadata, Number(MetadataOffset)));
        }

        // From the first byte of the table to its footer: data, length, GUID, each time.
        List<byte> table = [];
        foreach ((Guid id, byte[] data) in entries)
        {
            table.AddRange([.. data, .. BitConverter.GetBytes((ushort)(data.Length + 18)), .. id.ToByteArray()]);
        }

        table.AddRange([.. BitConverter.GetBytes((ushort)(table.Count + 18)), .. OvmfTableIds.Footer.ToByteArray()]);
        table.CopyTo(image, Size - 0x20 - table.Count);
        return image;
    }

    private static byte[] Number(uint value) => BitConverter.GetBytes(value);
}
