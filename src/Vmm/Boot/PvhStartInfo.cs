using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The PVH start info page: <c>struct hvm_start_info</c>, then its module list, then its memory map.</summary>
/// <remarks>Source: Xen, public/arch-x86/hvm/start_info.h, version 1.</remarks>
internal static class PvhStartInfo
{
    private const uint Magic = 0x336E_C578;
    private const uint Version = 1;
    private const int ModuleListOffset = 0x40;
    private const int MemoryMapOffset = 0x80;
    private const int MemoryMapEntrySize = 24;

    /// <summary>Writes the page.</summary>
    /// <param name="memory">The guest's RAM; its layout gives the memory map.</param>
    /// <param name="initrd">The initrd's exact place, or an empty range.</param>
    /// <param name="rsdp">Where the ACPI tables begin, or 0 without them.</param>
    internal static GpaRange Write(GuestMemory memory, GpaRange initrd, ulong rsdp)
    {
        GpaRange range = new(new Gpa(GuestLayout.StartInfoAddress), GuestPage.Size);
        Span<byte> page = memory.GetSpan(range.Start, GuestPage.Size);
        page.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(page, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(page[4..], Version);
        if (!initrd.IsEmpty)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(page[12..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(page[16..], GuestLayout.StartInfoAddress + ModuleListOffset);
            BinaryPrimitives.WriteUInt64LittleEndian(page[ModuleListOffset..], initrd.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(page[(ModuleListOffset + 8)..], initrd.Length);
        }

        IReadOnlyList<E820Entry> map = memory.Layout.E820;
        BinaryPrimitives.WriteUInt64LittleEndian(page[24..], GuestLayout.CommandLineAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(page[32..], rsdp);
        BinaryPrimitives.WriteUInt64LittleEndian(page[40..], GuestLayout.StartInfoAddress + MemoryMapOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(page[48..], (uint)map.Count);
        Span<byte> rest = page[MemoryMapOffset..];
        foreach (E820Entry entry in map)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, entry.Range.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], entry.Range.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[16..], (uint)entry.Type);
            rest = rest[MemoryMapEntrySize..];
        }

        return range;
    }
}
