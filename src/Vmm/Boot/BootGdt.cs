using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The GDT that the kernel starts with: flat segments, at the selectors that Linux's boot protocol fixes.</summary>
/// <remarks>Source: Linux, Documentation/arch/x86/boot.rst, "64-bit Boot Protocol": __BOOT_CS 0x10 and __BOOT_DS 0x18.</remarks>
public static class BootGdt
{
    /// <summary>Selector of the 32-bit code segment, for PVH.</summary>
    public const ushort Code32Selector = 0x08;

    /// <summary>Selector of the 64-bit code segment, __BOOT_CS.</summary>
    public const ushort Code64Selector = 0x10;

    /// <summary>Selector of the data segment, __BOOT_DS.</summary>
    public const ushort DataSelector = 0x18;

    /// <summary>Selector of the task state segment; it takes two entries.</summary>
    public const ushort TssSelector = 0x20;

    /// <summary>Bytes in the table.</summary>
    public const int Size = 6 * sizeof(ulong);

    /// <summary>Flat, present, executable, readable, accessed, 32-bit, limit 4 GiB.</summary>
    public const ulong Code32Descriptor = 0x00CF_9B00_0000_FFFF;

    /// <summary>Flat, present, executable, readable, accessed, 64-bit, limit 4 GiB.</summary>
    public const ulong Code64Descriptor = 0x00AF_9B00_0000_FFFF;

    /// <summary>Flat, present, writable, accessed, limit 4 GiB.</summary>
    public const ulong DataDescriptor = 0x00CF_9300_0000_FFFF;

    /// <summary>A busy task state segment at address 0 with the architectural least limit, 0x67; its upper half is 0.</summary>
    public const ulong TssDescriptor = 0x0000_8B00_0000_0067;

    /// <summary>Writes the table, and zeros to the end of its page.</summary>
    /// <param name="memory">The guest's RAM.</param>
    internal static GpaRange Write(GuestMemory memory)
    {
        GpaRange range = new(new Gpa(GuestLayout.GdtAddress), GuestPage.Size);
        Span<byte> page = memory.GetSpan(range.Start, GuestPage.Size);
        page.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(page[Code32Selector..], Code32Descriptor);
        BinaryPrimitives.WriteUInt64LittleEndian(page[Code64Selector..], Code64Descriptor);
        BinaryPrimitives.WriteUInt64LittleEndian(page[DataSelector..], DataDescriptor);
        BinaryPrimitives.WriteUInt64LittleEndian(page[TssSelector..], TssDescriptor);
        return range;
    }
}
