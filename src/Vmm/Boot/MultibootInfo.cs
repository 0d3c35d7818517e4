using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The multiboot information structure, with its module list and memory map, all in one page.</summary>
/// <remarks>Source: Multiboot Specification 0.6.96, 3.3, "Boot information format".</remarks>
internal static class MultibootInfo
{
    /// <summary>What EAX holds at the entry.</summary>
    internal const uint LoaderMagic = 0x2BAD_B002;

    private const int ModuleListOffset = 0x80;
    private const int LoaderNameOffset = 0xA0;
    private const int EmptyTextOffset = 0xB0;
    private const int MemoryMapOffset = 0xC0;
    private const int MemoryMapEntrySize = 24;

    // Which fields are filled.
    private const uint HasMemory = 1 << 0;
    private const uint HasCommandLine = 1 << 2;
    private const uint HasModules = 1 << 3;
    private const uint HasMemoryMap = 1 << 6;
    private const uint HasLoaderName = 1 << 9;

    /// <summary>Writes the page.</summary>
    /// <param name="memory">The guest's RAM; its layout gives the memory map.</param>
    /// <param name="initrd">The initrd's exact place, or an empty range: the only module.</param>
    internal static GpaRange Write(GuestMemory memory, GpaRange initrd)
    {
        const ulong Address = GuestLayout.MultibootInfoAddress;
        GpaRange range = new(new Gpa(Address), GuestPage.Size);
        Span<byte> page = memory.GetSpan(range.Start, GuestPage.Size);
        page.Clear();
        GuestLayout layout = memory.Layout;
        WriteUInt32(page, 0, HasMemory | HasCommandLine | HasModules | HasMemoryMap | HasLoaderName);
        WriteUInt32(page, 4, GuestLayout.LowUsableEnd >> 10);
        WriteUInt32(page, 8, (layout.LowRam.End.Value - GuestLayout.ExtendedMemoryStart) >> 10);
        WriteUInt32(page, 16, GuestLayout.CommandLineAddress);
        if (!initrd.IsEmpty)
        {
            WriteUInt32(page, 20, 1);
            WriteUInt32(page, 24, Address + ModuleListOffset);
            WriteUInt32(page, ModuleListOffset, initrd.Start.Value);
            WriteUInt32(page, ModuleListOffset + 4, initrd.End.Value);
            WriteUInt32(page, ModuleListOffset + 8, Address + EmptyTextOffset);
        }

        WriteUInt32(page, 44, (ulong)(layout.E820.Count * MemoryMapEntrySize));
        WriteUInt32(page, 48, Address + MemoryMapOffset);
        WriteUInt32(page, 64, Address + LoaderNameOffset);
        "kvmsev"u8.CopyTo(page[LoaderNameOffset..]);
        int offset = MemoryMapOffset;
        foreach (E820Entry entry in layout.E820)
        {
            // The size of an entry does not count the field that holds it.
            WriteUInt32(page, offset, MemoryMapEntrySize - sizeof(uint));
            BinaryPrimitives.WriteUInt64LittleEndian(page[(offset + 4)..], entry.Range.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(page[(offset + 12)..], entry.Range.Length);
            WriteUInt32(page, offset + 20, (uint)entry.Type);
            offset += MemoryMapEntrySize;
        }

        return range;
    }

    private static void WriteUInt32(Span<byte> page, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(page[offset..], checked((uint)value));
}
