using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Writes small ELF64 files, with the offsets of the ELF specification spelt out here a second time.</summary>
internal sealed class ElfBuilder
{
    internal const uint PtLoad = 1;
    internal const uint PtNote = 4;

    private readonly List<(uint Type, ulong VirtualAddress, ulong PhysicalAddress, byte[] Content, ulong MemorySize, ulong Align)>
        _segments = [];

    internal ulong Entry { get; init; } = 0x20_0000;

    /// <summary>Where program header <paramref name="index"/> begins in the file.</summary>
    internal static int HeaderOffset(int index) => 64 + (56 * index);

    internal ElfBuilder Load(ulong address, byte[] content, ulong? memorySize = null, ulong? virtualAddress = null)
    {
        _segments.Add((PtLoad, virtualAddress ?? address, address, content, memorySize ?? (ulong)content.Length, 0x1000));
        return this;
    }

    internal ElfBuilder Segment(uint type, byte[] content, ulong align = 4)
    {
        _segments.Add((type, 0, 0, content, (ulong)content.Length, align));
        return this;
    }

    internal ElfBuilder Notes(params ReadOnlySpan<ElfNote> notes) => Segment(PtNote, MakeNotes(4, notes));

    internal static byte[] MakeNotes(int align, params ReadOnlySpan<ElfNote> notes)
    {
        List<byte> bytes = [];
        foreach (ElfNote note in notes)
        {
            Add(bytes, (uint)note.Name.Length);
            Add(bytes, (uint)note.Descriptor.Length);
            Add(bytes, note.Type);
            bytes.AddRange(System.Text.Encoding.ASCII.GetBytes(note.Name));
            Pad(bytes, align);
            bytes.AddRange(note.Descriptor);
            Pad(bytes, align);
        }

        return [.. bytes];
    }

    internal byte[] Build(Action<byte[]>? change = null)
    {
        int offset = HeaderOffset(_segments.Count);
        byte[] file = new byte[offset + _segments.Sum(segment => segment.Content.Length)];
        Span<byte> bytes = file;
        byte[] identification = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identification.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x10..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x12..], 62);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x14..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[0x18..], Entry);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[0x20..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x34..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x36..], 56);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x38..], (ushort)_segments.Count);
        for (int i = 0; i < _segments.Count; i++)
        {
            (uint type, ulong virtualAddress, ulong physicalAddress, byte[] content, ulong memorySize, ulong align) = _segments[i];
            Span<byte> header = bytes[HeaderOffset(i)..];
            BinaryPrimitives.WriteUInt32LittleEndian(header, type);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 7);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)offset);
            BinaryPrimitives.WriteUInt64LittleEndian(header[16..], virtualAddress);
            BinaryPrimitives.WriteUInt64LittleEndian(header[24..], physicalAddress);
            BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)content.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(header[40..], memorySize);
            BinaryPrimitives.WriteUInt64LittleEndian(header[48..], align);
            content.CopyTo(bytes[offset..]);
            offset += content.Length;
        }

        change?.Invoke(file);
        return file;
    }

    private static void Add(List<byte> bytes, uint value)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, value);
        bytes.AddRange(word);
    }

    private static void Pad(List<byte> bytes, int align)
    {
        while (bytes.Count % align != 0)
        {
            bytes.Add(0);
        }
    }
}
