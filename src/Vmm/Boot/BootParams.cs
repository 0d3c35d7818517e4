using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The zero page, <c>struct boot_params</c>: what Linux is told about its machine.</summary>
/// <remarks>
/// The setup header has the same offsets in a bzImage and in the zero page. Everything that is not named here is zero: no screen, no disks,
/// no EFI, nothing above 4 GiB. Source: Linux, arch/x86/include/uapi/asm/bootparam.h and Documentation/arch/x86/zero-page.rst.
/// </remarks>
internal static class BootParams
{
    internal const int AcpiRsdpAddr = 0x70;
    internal const int E820EntryCount = 0x1E8;
    internal const int SetupSects = 0x1F1;
    internal const int Syssize = 0x1F4;
    internal const int BootFlag = 0x1FE;
    internal const int Jump = 0x200;
    internal const int HeaderMagic = 0x202;
    internal const int Version = 0x206;
    internal const int KernelVersion = 0x20E;
    internal const int TypeOfLoader = 0x210;
    internal const int Loadflags = 0x211;
    internal const int Code32Start = 0x214;
    internal const int RamdiskImage = 0x218;
    internal const int RamdiskSize = 0x21C;
    internal const int CommandLinePointer = 0x228;
    internal const int InitrdAddrMax = 0x22C;
    internal const int KernelAlignment = 0x230;
    internal const int RelocatableKernel = 0x234;
    internal const int Xloadflags = 0x236;
    internal const int CommandLineSize = 0x238;
    internal const int HardwareSubarch = 0x23C;
    internal const int PayloadOffset = 0x248;
    internal const int PayloadLength = 0x24C;
    internal const int SetupData = 0x250;
    internal const int PrefAddress = 0x258;
    internal const int InitSize = 0x260;
    internal const int E820Table = 0x2D0;

    /// <summary>First byte of the setup header.</summary>
    internal const int SetupHeaderOffset = SetupSects;

    /// <summary>The header reaches at least to the end of init_size, which every protocol with a 64-bit entry has.</summary>
    internal const int SetupHeaderLeastEnd = InitSize + sizeof(uint);

    /// <summary>The header ends here at the latest: the next field of the zero page, edd_mbr_sig_buffer.</summary>
    internal const int SetupHeaderMostEnd = 0x290;

    private const int E820EntrySize = 20;
    private const byte UndefinedLoader = 0xFF;
    private const byte LoadedHigh = 1 << 0;
    private const byte KeptLoadflags = LoadedHigh | (1 << 5); // and QUIET_FLAG
    private const ushort BootFlagValue = 0xAA55;
    private const ushort VersionWithoutHeader = 0x020C;
    private const uint HeaderMagicValue = 0x5372_6448; // "HdrS"
    private const uint AlignmentWithoutHeader = 1 << 24;

    /// <summary>Writes the zero page.</summary>
    /// <param name="memory">The guest's RAM; its layout gives the memory map.</param>
    /// <param name="header">The kernel's setup header; null for an ELF kernel, which has none in its file.</param>
    /// <param name="initrd">The initrd's exact place, or an empty range.</param>
    /// <param name="rsdp">Where the ACPI tables begin, or 0 without them.</param>
    internal static GpaRange Write(GuestMemory memory, SetupHeader? header, GpaRange initrd, ulong rsdp)
    {
        GpaRange range = new(new Gpa(GuestLayout.ZeroPageAddress), GuestPage.Size);
        Span<byte> page = memory.GetSpan(range.Start, GuestPage.Size);
        page.Clear();
        if (header is null)
        {
            MakeHeader(page);
        }
        else
        {
            header.Bytes.CopyTo(page[SetupHeaderOffset..]);
            WriteUInt32(page, Code32Start, GuestLayout.KernelAddress);
        }

        page[TypeOfLoader] = UndefinedLoader;
        page[Loadflags] = (byte)((page[Loadflags] & KeptLoadflags) | LoadedHigh);
        WriteUInt32(page, RamdiskImage, initrd.Start.Value);
        WriteUInt32(page, RamdiskSize, initrd.Length);
        WriteUInt32(page, CommandLinePointer, GuestLayout.CommandLineAddress);

        // Both are the loader's to write: an ordinary PC, and no list of further data.
        WriteUInt32(page, HardwareSubarch, 0);
        BinaryPrimitives.WriteUInt64LittleEndian(page[SetupData..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(page[AcpiRsdpAddr..], rsdp);
        WriteE820(page, memory.Layout);
        return range;
    }

    private static void MakeHeader(Span<byte> page)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(page[BootFlag..], BootFlagValue);
        WriteUInt32(page, HeaderMagic, HeaderMagicValue);

        // A version of 0 means to the kernel that the zero page has not been copied yet.
        BinaryPrimitives.WriteUInt16LittleEndian(page[Version..], VersionWithoutHeader);
        WriteUInt32(page, KernelAlignment, AlignmentWithoutHeader);
        WriteUInt32(page, CommandLineSize, KernelCommandLine.DefaultLimit);
    }

    private static void WriteE820(Span<byte> page, GuestLayout layout)
    {
        page[E820EntryCount] = checked((byte)layout.E820.Count);
        Span<byte> rest = page[E820Table..];
        foreach (E820Entry entry in layout.E820)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, entry.Range.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], entry.Range.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[16..], (uint)entry.Type);
            rest = rest[E820EntrySize..];
        }
    }

    private static void WriteUInt32(Span<byte> page, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(page[offset..], checked((uint)value));
}
