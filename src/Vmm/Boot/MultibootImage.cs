using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A multiboot image: a 32-bit ELF file, or a plain one whose header has its addresses; entered in 32-bit mode.</summary>
/// <remarks>Such are the images of kvm-unit-tests. Source: Multiboot Specification 0.6.96.</remarks>
public sealed class MultibootImage : KernelImage
{
    /// <summary>What an image may have below 1 MiB: the boot structures that are not made for it, and what is free anyway.</summary>
    private static readonly GpaRange[] FreeLowMemory =
    [
        GpaRange.FromBounds(GuestLayout.ZeroPageAddress, GuestLayout.MultibootInfoAddress),
        GpaRange.FromBounds(GuestLayout.CommandLineAddress + GuestLayout.CommandLineCapacity, GuestLayout.LowUsableEnd),
    ];

    private readonly ElfSegment[] _segments;
    private readonly ulong _entry;

    private MultibootImage(ImageSource source, ElfSegment[] segments, ulong entry)
        : base(source)
    {
        _segments = segments;
        _entry = entry;
    }

    /// <inheritdoc/>
    public override string Format => "multiboot";

    /// <inheritdoc/>
    public override uint CommandLineLimit => KernelCommandLine.DefaultLimit;

    /// <inheritdoc/>
    public override ulong InitrdAddressMax => uint.MaxValue;

    /// <inheritdoc/>
    public override IReadOnlyList<KernelField> Fields =>
    [
        new("entry", $"0x{_entry:x}"),
        .. _segments.Select(static segment =>
            new KernelField(segment.Name("segment"), $"{segment.PhysicalRange}, {segment.FileSize} bytes at 0x{segment.FileOffset:x}")),
    ];

    /// <summary>The name of the file: the first word of the command line, as GRUB and QEMU have it.</summary>
    internal override string? CommandLinePrefix => Path.GetFileName(Source.Name);

    internal static MultibootImage ParseElf32(ImageSource source)
    {
        if (!MultibootHeader.TryFind(source, out MultibootHeader header))
        {
            throw source.Invalid("EI_CLASS", "is 1, not 2 (a 64-bit file), and the file has no multiboot header");
        }

        // The specification lets the header's addresses win over those of the file format.
        if (header.Addresses is MultibootAddresses addresses)
        {
            return ParsePlain(source, header.Offset, addresses);
        }

        ElfSegment[] segments = Elf32.ReadSegments(source, out ulong entry);
        ulong physical = ElfImage.FindEntry(segments, entry) ?? throw source.Invalid("e_entry", $"0x{entry:x} lies in no segment's bytes");
        return new MultibootImage(source, segments, physical);
    }

    internal static MultibootImage ParsePlain(ImageSource source, ulong headerOffset, MultibootAddresses addresses)
    {
        ulong before = addresses.Header - (ulong)addresses.LoadStart;
        if (addresses.LoadStart > addresses.Header || before > headerOffset)
        {
            throw source.Invalid(
                "load_addr",
                $"0x{addresses.LoadStart:x} does not fit to header_addr, 0x{addresses.Header:x}: it lies before the file's start");
        }

        ulong fileOffset = headerOffset - before;
        ulong fileSize = addresses.LoadEnd == 0 ? source.Length - fileOffset : (ulong)addresses.LoadEnd - addresses.LoadStart;
        if (addresses.LoadEnd != 0 && (addresses.LoadEnd < addresses.LoadStart || fileSize > source.Length - fileOffset))
        {
            throw source.Invalid("load_end_addr", $"0x{addresses.LoadEnd:x} lies before load_addr or behind the end of the file");
        }

        ulong memorySize = addresses.BssEnd == 0 ? fileSize : (ulong)addresses.BssEnd - addresses.LoadStart;
        if (addresses.BssEnd != 0 && (addresses.BssEnd < addresses.LoadStart || memorySize < fileSize))
        {
            throw source.Invalid("bss_end_addr", $"0x{addresses.BssEnd:x} lies before the end of what is loaded");
        }

        ElfSegment segment = new(0, ElfSegment.TypeLoad, fileOffset, addresses.LoadStart, addresses.LoadStart, fileSize, memorySize, 0);
        return segment.HoldsPhysical(addresses.Entry)
            ? new MultibootImage(source, [segment], addresses.Entry)
            : throw source.Invalid("entry_addr", $"0x{addresses.Entry:x} does not lie in what is loaded");
    }

    /// <inheritdoc/>
    internal override KernelPlacement Place(GuestLayout layout)
    {
        if (layout.CBitPosition is not null)
        {
            throw Source.Invalid("multiboot", "such an image makes page tables without a C-bit: it cannot be a SEV guest; use --sev none");
        }

        List<ImageSegment> segments = [];
        foreach (ElfSegment segment in _segments)
        {
            GpaRange range = segment.PhysicalRange;
            if (range.Start.Value < GuestLayout.ExtendedMemoryStart && !Array.Exists(FreeLowMemory, free => free.Contains(range)))
            {
                throw Source.Invalid(
                    "p_paddr",
                    $"{range} lies below 1 MiB, where only {string.Join(" and ", FreeLowMemory)} are free of boot structures");
            }

            if (!layout.LowRam.Contains(range))
            {
                throw Source.Invalid("p_memsz", DescribeLack(range.End.Value, layout));
            }

            segments.Add(new ImageSegment(segment.FileOffset, segment.FileSize, range, "p_filesz"));
        }

        ulong last = Math.Max(_segments[^1].PhysicalRange.End.Value, GuestLayout.ExtendedMemoryStart);
        Gpa end = new(GuestPage.RoundUp(last));
        return new KernelPlacement(BootProtocol.Multiboot32, new Gpa(_entry), segments, end);
    }
}
