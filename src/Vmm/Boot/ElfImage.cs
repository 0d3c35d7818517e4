using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A 64-bit ELF kernel (vmlinux): its segments are loaded at their physical addresses.</summary>
/// <remarks>
/// It is entered by PVH if it has a PVH entry, otherwise at its ELF entry by Linux's 64-bit protocol. PVH starts without page tables, so it
/// cannot reach a private page as private: with memory encryption the ELF entry is taken even if there is a PVH entry. The entry is a
/// physical address, as Linux has it, or failing that a virtual address of a segment. Source: ELF-64 Object File Format 1.5; Xen,
/// public/elfnote.h.
/// </remarks>
public sealed class ElfImage : KernelImage
{
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int MaxProgramHeaders = 128;
    private const byte Class64 = 2;
    private const byte LittleEndian = 1;
    private const byte CurrentVersion = 1;
    private const ushort TypeExecutable = 2;
    private const ushort TypeShared = 3;
    private const ushort MachineX8664 = 62;

    private readonly ElfSegment[] _segments;
    private readonly ulong _entry;
    private readonly ulong? _pvhEntry;

    private ElfImage(ImageSource source, ElfSegment[] segments, ulong entry, ulong? pvhEntry)
        : base(source)
    {
        _segments = segments;
        _entry = entry;
        _pvhEntry = pvhEntry;
    }

    /// <inheritdoc/>
    public override string Format => "ELF";

    /// <inheritdoc/>
    public override uint CommandLineLimit => KernelCommandLine.DefaultLimit;

    /// <inheritdoc/>
    public override ulong InitrdAddressMax => uint.MaxValue;

    /// <inheritdoc/>
    public override IReadOnlyList<KernelField> Fields =>
    [
        new("e_entry", $"0x{_entry:x}"),
        new("XEN_ELFNOTE_PHYS32_ENTRY", _pvhEntry is { } pvh ? $"0x{pvh:x}" : "-"),
        .. _segments.Select(static segment =>
            new KernelField(segment.Name("PT_LOAD"), $"{segment.PhysicalRange}, {segment.FileSize} bytes at 0x{segment.FileOffset:x}")),
    ];

    /// <summary>Whether the kernel has a PVH entry.</summary>
    public bool HasPvhEntry => _pvhEntry is not null;

    internal static ElfImage ParseElf(ImageSource source)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        source.ReadExactly(header, 0, "ELF header");
        CheckHeader(source, header);

        ulong tableOffset = BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[0x38..]);
        Span<byte> table = stackalloc byte[MaxProgramHeaders * ProgramHeaderSize];
        table = table[..(count * ProgramHeaderSize)];
        source.ReadExactly(table, tableOffset, "e_phoff");

        List<ElfSegment> segments = [];
        ulong? pvhEntry = null;
        for (int i = 0; i < count; i++)
        {
            ElfSegment segment = ElfSegment.Read(table.Slice(i * ProgramHeaderSize, ProgramHeaderSize), i);
            switch (segment.Type)
            {
                case ElfSegment.TypeLoad:
                    segment.Check(source);
                    if (segment.MemorySize != 0)
                    {
                        segments.Add(segment);
                    }

                    break;
                case ElfSegment.TypeNote:
                    pvhEntry = ElfNotes.FindPvhEntry(source, segment) ?? pvhEntry;
                    break;
                case ElfSegment.TypeInterpreter:
                    throw source.Invalid(segment.Name("p_type"), "is PT_INTERP: a program that needs a dynamic linker, not a kernel");
                default:
                    break;
            }
        }

        ElfSegment[] sorted = Sort(source, segments);
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]);
        entry = FindEntry(sorted, entry) ?? throw source.Invalid("e_entry", $"0x{entry:x} lies in no segment's bytes");
        if (pvhEntry is ulong pvh && !sorted.Any(segment => segment.HoldsPhysical(pvh)))
        {
            throw source.Invalid("XEN_ELFNOTE_PHYS32_ENTRY", $"0x{pvh:x} lies in no segment's bytes");
        }

        return new ElfImage(source, sorted, entry, pvhEntry);
    }

    /// <inheritdoc/>
    internal override KernelPlacement Place(GuestLayout layout)
    {
        List<ImageSegment> segments = [];
        ulong end = GuestLayout.ExtendedMemoryStart;
        foreach (ElfSegment segment in _segments)
        {
            GpaRange range = segment.PhysicalRange;
            if (range.Start.Value < GuestLayout.ExtendedMemoryStart)
            {
                throw Source.Invalid(
                    segment.Name("p_paddr"),
                    $"0x{range.Start.Value:x} lies below 1 MiB, which is kept for boot structures");
            }

            if (layout.LowRam.Contains(range))
            {
                end = range.End.Value;
            }
            else if (!layout.HighRam.Contains(range))
            {
                throw DoesNotFit(segment, layout);
            }

            segments.Add(new ImageSegment(segment.FileOffset, segment.FileSize, range, segment.Name("p_filesz")));
        }

        BootProtocol protocol = _pvhEntry is not null && layout.CBitPosition is null ? BootProtocol.Pvh32 : BootProtocol.Linux64;
        ulong entry = protocol == BootProtocol.Pvh32 ? _pvhEntry!.Value : _entry;
        return layout.LowRam.Contains(new Gpa(entry))
            ? new KernelPlacement(protocol, new Gpa(entry), segments, new Gpa(GuestPage.RoundUp(end)))
            : throw Source.Invalid("e_entry", $"0x{entry:x} lies above 4 GiB, which the boot page tables do not map");
    }

    private InvalidInputException DoesNotFit(ElfSegment segment, GuestLayout layout)
    {
        static bool IsBelowHole(ElfSegment segment) => segment.PhysicalRange.End.Value <= GuestLayout.MmioHoleStart;
        string problem = IsBelowHole(segment)
            ? DescribeLack(_segments.Last(IsBelowHole).PhysicalRange.End.Value, layout)
            : $"the segment {segment.PhysicalRange} does not lie in RAM, which is {string.Join(" and ", layout.RamRanges)}";
        return Source.Invalid(segment.Name(layout.LowRam.Contains(segment.PhysicalRange.Start) ? "p_memsz" : "p_paddr"), problem);
    }

    private static void CheckHeader(ImageSource source, ReadOnlySpan<byte> header)
    {
        Expect(source, "EI_CLASS", header[4], Class64, "a 64-bit file");
        Expect(source, "EI_DATA", header[5], LittleEndian, "a little-endian file");
        Expect(source, "EI_VERSION", header[6], CurrentVersion, "the current version");
        ushort type = BinaryPrimitives.ReadUInt16LittleEndian(header[0x10..]);
        if (type == TypeShared)
        {
            throw source.Invalid("e_type", "is ET_DYN: the file needs relocations, which this loader does not apply; link it as ET_EXEC");
        }

        Expect(source, "e_type", type, TypeExecutable, "an executable");
        Expect(source, "e_machine", BinaryPrimitives.ReadUInt16LittleEndian(header[0x12..]), MachineX8664, "x86-64");
        Expect(source, "e_version", BinaryPrimitives.ReadUInt32LittleEndian(header[0x14..]), CurrentVersion, "the current version");
        Expect(
            source,
            "e_phentsize",
            BinaryPrimitives.ReadUInt16LittleEndian(header[0x36..]),
            ProgramHeaderSize,
            "the size of a 64-bit program header");
        ushort count = BinaryPrimitives.ReadUInt16LittleEndian(header[0x38..]);
        if (count is 0 or > MaxProgramHeaders)
        {
            throw source.Invalid("e_phnum", $"is {count}; 1 to {MaxProgramHeaders} are possible");
        }
    }

    internal static void Expect(ImageSource source, string field, uint actual, uint expected, string meaning)
    {
        if (actual != expected)
        {
            throw source.Invalid(field, $"is {actual}, not {expected} ({meaning})");
        }
    }

    internal static ElfSegment[] Sort(ImageSource source, List<ElfSegment> segments)
    {
        if (segments.Count == 0)
        {
            throw source.Invalid("e_phnum", "no program header is PT_LOAD: there is nothing to load");
        }

        ElfSegment[] sorted = [.. segments.OrderBy(segment => segment.PhysicalAddress)];
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].PhysicalRange.Overlaps(sorted[i - 1].PhysicalRange))
            {
                throw source.Invalid(
                    sorted[i].Name("p_paddr"),
                    $"the segment {sorted[i].PhysicalRange} overlaps that of program header {sorted[i - 1].Index}");
            }
        }

        return sorted;
    }

    internal static ulong? FindEntry(ElfSegment[] segments, ulong entry)
    {
        foreach (ElfSegment segment in segments)
        {
            if (segment.HoldsPhysical(entry))
            {
                return entry;
            }
        }

        foreach (ElfSegment segment in segments)
        {
            ulong offset = unchecked(entry - segment.VirtualAddress);
            if (offset < segment.FileSize)
            {
                return segment.PhysicalAddress + offset;
            }
        }

        return null;
    }
}
