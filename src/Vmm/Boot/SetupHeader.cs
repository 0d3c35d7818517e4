using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The setup header of a bzImage: checked, and as the bytes that the zero page needs.</summary>
/// <remarks>Source: Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".</remarks>
internal sealed class SetupHeader
{
    /// <summary>The size of a sector of the real-mode part.</summary>
    internal const int SectorSize = 512;

    private const ushort BootFlagValue = 0xAA55;
    private const uint HeaderMagic = 0x5372_6448; // "HdrS"
    private const byte ShortJump = 0xEB;
    private const byte DefaultSetupSectors = 4;
    private const ushort OldestVersion = 0x0206;
    private const ushort XloadflagsVersion = 0x020C;
    private const byte LoadedHigh = 1 << 0;
    private const ushort XloadflagKernel64 = 1 << 0;
    private const int ParagraphSize = 16;

    private readonly byte[] _bytes;

    private SetupHeader(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The header's bytes; the first belongs at <see cref="BootParams.SetupHeaderOffset"/> of the zero page.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Bytes of the real-mode part; the protected-mode part follows in the file.</summary>
    internal int SetupSize => ((U8(BootParams.SetupSects) is 0 ? DefaultSetupSectors : U8(BootParams.SetupSects)) + 1) * SectorSize;

    /// <summary>Bytes of the protected-mode part.</summary>
    internal ulong ProtectedModeSize => (ulong)U32(BootParams.Syssize) * ParagraphSize;

    internal uint CommandLineSize => U32(BootParams.CommandLineSize);

    internal uint InitrdAddressMax => U32(BootParams.InitrdAddrMax);

    internal bool IsRelocatable => U8(BootParams.RelocatableKernel) != 0;

    internal uint KernelAlignment => U32(BootParams.KernelAlignment);

    internal ulong PreferredAddress => U64(BootParams.PrefAddress);

    internal uint InitSize => U32(BootParams.InitSize);

    private ushort Version => U16(BootParams.Version);

    /// <summary>Whether the file has a boot sector's signature, as every bzImage has.</summary>
    /// <param name="source">The file.</param>
    internal static bool IsBootSector(ImageSource source)
    {
        if (source.Length < BootParams.BootFlag + sizeof(ushort))
        {
            return false;
        }

        Span<byte> flag = stackalloc byte[sizeof(ushort)];
        source.ReadExactly(flag, BootParams.BootFlag, "boot_flag");
        return BinaryPrimitives.ReadUInt16LittleEndian(flag) == BootFlagValue;
    }

    /// <summary>Reads and checks the header.</summary>
    /// <param name="source">The kernel file.</param>
    /// <exception cref="InvalidInputException">Names the first field that is wrong.</exception>
    internal static SetupHeader Read(ImageSource source)
    {
        // The fields in the order in which they make sense: each check relies on those before it.
        const string NoKernel = "the file is neither an ELF file nor a bzImage";
        ushort bootFlag = ReadUInt16(source, BootParams.BootFlag, "boot_flag", NoKernel);
        if (bootFlag != BootFlagValue)
        {
            throw source.Invalid("boot_flag", $"is 0x{bootFlag:x4}, not 0x{BootFlagValue:x}: {NoKernel}");
        }

        ushort jump = ReadUInt16(source, BootParams.Jump, "jump", NoKernel);
        Span<byte> magic = stackalloc byte[sizeof(uint)];
        source.ReadExactly(magic, BootParams.HeaderMagic, "header");
        if (BinaryPrimitives.ReadUInt32LittleEndian(magic) != HeaderMagic)
        {
            throw source.Invalid("header", "is not \"HdrS\": a boot sector, but not of a kernel with a boot protocol");
        }

        ushort version = ReadUInt16(source, BootParams.Version, "version", "the header is cut off");
        if (version < OldestVersion)
        {
            throw source.Invalid("version", $"boot protocol {Describe(version)} is too old; {Describe(OldestVersion)} or later is needed");
        }

        if (version < XloadflagsVersion)
        {
            throw source.Invalid(
                "xloadflags",
                $"boot protocol {Describe(version)} has no 64-bit entry; {Describe(XloadflagsVersion)} or later is needed");
        }

        int end = CheckEnd(source, jump);
        byte[] bytes = new byte[end - BootParams.SetupHeaderOffset];
        source.ReadExactly(bytes, BootParams.SetupHeaderOffset, "setup header");
        SetupHeader header = new(bytes);
        header.CheckFlags(source);
        header.CheckSizes(source);
        header.CheckRunAddress(source);
        return header;
    }

    /// <summary>The fields for people, under the names of the boot protocol.</summary>
    /// <param name="source">The kernel file, which holds the text that kernel_version points to.</param>
    internal IReadOnlyList<KernelField> Describe(ImageSource source) =>
    [
        new("version", Describe(Version)),
        new("kernel_version", ReadKernelVersion(source) ?? "-"),
        new("setup_sects", Number(U8(BootParams.SetupSects))),
        new("syssize", $"{Number(U32(BootParams.Syssize))} paragraphs, {Number(ProtectedModeSize)} bytes"),
        new("loadflags", Hex(U8(BootParams.Loadflags))),
        new("xloadflags", Hex(U16(BootParams.Xloadflags))),
        new("relocatable_kernel", IsRelocatable ? "yes" : "no"),
        new("kernel_alignment", Hex(KernelAlignment)),
        new("pref_address", Hex(PreferredAddress)),
        new("init_size", Hex(InitSize)),
        new("cmdline_size", Number(CommandLineSize)),
        new("initrd_addr_max", Hex(InitrdAddressMax)),
        new("payload_offset", Hex(U32(BootParams.PayloadOffset))),
        new("payload_length", Hex(U32(BootParams.PayloadLength))),
    ];

    private static string Hex(ulong value) => $"0x{value:x}";

    private static string Number(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    // Only a word for people: a pointer that leads nowhere is no reason to refuse the kernel.
    private string? ReadKernelVersion(ImageSource source)
    {
        const int LongestVersion = 128;
        int pointer = U16(BootParams.KernelVersion);
        ulong offset = (ulong)pointer + SectorSize;
        if (pointer == 0 || offset >= source.Length)
        {
            return null;
        }

        Span<byte> text = stackalloc byte[(int)Math.Min(LongestVersion, source.Length - offset)];
        source.ReadExactly(text, offset, "kernel_version");
        int end = text.IndexOf((byte)0);
        return end < 0 ? null : System.Text.Encoding.Latin1.GetString(text[..end]);
    }

    private static int CheckEnd(ImageSource source, ushort jump)
    {
        if ((jump & 0xFF) != ShortJump)
        {
            throw source.Invalid("jump", $"begins with 0x{jump & 0xFF:x2}, which is not a short jump; its distance gives the header's end");
        }

        int end = BootParams.HeaderMagic + (jump >> 8);
        if (end is < BootParams.SetupHeaderLeastEnd or > BootParams.SetupHeaderMostEnd)
        {
            throw source.Invalid(
                "jump",
                $"puts the header's end at 0x{end:x}, outside 0x{BootParams.SetupHeaderLeastEnd:x} to 0x{BootParams.SetupHeaderMostEnd:x}");
        }

        return end;
    }

    private static ushort ReadUInt16(ImageSource source, int offset, string field, string meaning)
    {
        if (source.Length < (ulong)offset + sizeof(ushort))
        {
            throw source.Invalid(field, $"the file ends at byte {source.Length}, before this field at 0x{offset:x}: {meaning}");
        }

        Span<byte> value = stackalloc byte[sizeof(ushort)];
        source.ReadExactly(value, (ulong)offset, field);
        return BinaryPrimitives.ReadUInt16LittleEndian(value);
    }

    private static string Describe(ushort version) => string.Create(CultureInfo.InvariantCulture, $"{version >> 8}.{version & 0xFF:d2}");

    private void CheckFlags(ImageSource source)
    {
        if ((U8(BootParams.Loadflags) & LoadedHigh) == 0)
        {
            throw source.Invalid("loadflags", "LOADED_HIGH is not set: a zImage, which belongs below 640 KiB");
        }

        if ((U16(BootParams.Xloadflags) & XloadflagKernel64) == 0)
        {
            throw source.Invalid("xloadflags", "XLF_KERNEL_64 is not set: the kernel has no 64-bit entry");
        }
    }

    private void CheckSizes(ImageSource source)
    {
        if ((ulong)SetupSize >= source.Length)
        {
            throw source.Invalid("setup_sects", $"the real-mode part is {SetupSize} bytes, but the file ends at byte {source.Length}");
        }

        if (ProtectedModeSize <= BzImage.EntryOffset)
        {
            throw source.Invalid("syssize", $"the protected-mode part is {ProtectedModeSize} bytes, less than its own entry code");
        }

        if (ProtectedModeSize > source.Length - (ulong)SetupSize)
        {
            throw source.Invalid(
                "syssize",
                $"the file should have {(ulong)SetupSize + ProtectedModeSize} bytes, but ends at byte {source.Length}");
        }

        ulong payloadEnd = (ulong)U32(BootParams.PayloadOffset) + U32(BootParams.PayloadLength);
        if (payloadEnd > ProtectedModeSize)
        {
            throw source.Invalid(
                "payload_length",
                $"the payload would end at 0x{payloadEnd:x}, behind the protected-mode part of 0x{ProtectedModeSize:x} bytes");
        }
    }

    private void CheckRunAddress(ImageSource source)
    {
        if (IsRelocatable && !BitOperations.IsPow2(KernelAlignment))
        {
            throw source.Invalid("kernel_alignment", $"0x{KernelAlignment:x} is not a power of two");
        }

        if (InitSize == 0)
        {
            throw source.Invalid("init_size", $"is 0, which boot protocol {Describe(Version)} does not allow");
        }
    }

    private byte U8(int offset) => _bytes[offset - BootParams.SetupHeaderOffset];

    private ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset - BootParams.SetupHeaderOffset));

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset - BootParams.SetupHeaderOffset));

    private ulong U64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset - BootParams.SetupHeaderOffset));
}
