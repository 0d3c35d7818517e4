using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>Where everything lies in the guest's physical address space: all fixed addresses, and the RAM ranges of one machine.</summary>
/// <remarks>
/// <code>
/// 0x0000_6000  GDT                         (one page)
/// 0x0000_7000  zero page: struct boot_params
/// 0x0000_8000  PVH start info
/// 0x0000_9000  boot page tables            (six pages)
/// 0x0001_f000  multiboot information
/// 0x0002_0000  command line                (64 KiB)
/// 0x0009_fc00  end of usable low memory; the guest finds RAM up to 1 MiB, but reserved
/// 0x000e_0000  ACPI tables, the RSDP first  (64 KiB)
/// 0x000f_f000  the page of the reset vector
/// 0x0010_0000  kernel; the initrd lies at the top of low RAM
/// 0xc000_0000  no RAM from here to 4 GiB: devices
/// 0xd000_0000  windows of virtio-mmio devices and their like (16 MiB)
/// 0xfec0_0000  I/O APIC; 0xfee0_0000 local APICs; 0xfeff_c000 KVM's own four pages
/// 0xff00_0000  at the earliest: guest firmware, which ends at 4 GiB
/// 0x1_0000_0000  the RAM that found no room below
/// </code>
/// </remarks>
public sealed class GuestLayout
{
    /// <summary>RAM below 4 GiB ends here at the latest, and the hole for devices begins.</summary>
    public const ulong MmioHoleStart = 0xC000_0000;

    /// <summary>First address behind the hole for devices: RAM that does not fit below it continues here.</summary>
    public const ulong HighRamStart = 0x1_0000_0000;

    /// <summary>End of the usable part of the first megabyte, where a PC keeps its extended BIOS data area.</summary>
    public const ulong LowUsableEnd = 0x9_FC00;

    /// <summary>Usable memory goes on here, behind the PC's reserved range.</summary>
    public const ulong ExtendedMemoryStart = 0x10_0000;

    /// <summary>The windows of devices whose place is not fixed begin here.</summary>
    public const ulong DeviceWindowsStart = 0xD000_0000;

    /// <summary>First address behind those windows.</summary>
    public const ulong DeviceWindowsEnd = 0xD100_0000;

    /// <summary>KVM's I/O APIC.</summary>
    public const ulong IoApicAddress = 0xFEC0_0000;

    /// <summary>The local APIC of each vCPU.</summary>
    public const ulong LocalApicAddress = 0xFEE0_0000;

    /// <summary>The ACPI tables, in the range that a PC's BIOS has them in: a guest that is not told finds the RSDP by a search.</summary>
    public const ulong AcpiTablesAddress = 0xE_0000;

    /// <summary>The page of a PC's reset vector, F000:FFF0.</summary>
    public const ulong ResetVectorPageAddress = 0xF_F000;

    /// <summary>Bytes set aside for the ACPI tables.</summary>
    public const int AcpiTablesCapacity = 0x1_0000;

    /// <summary>The boot GDT, one page.</summary>
    public const ulong GdtAddress = 0x6000;

    /// <summary>The zero page (<c>struct boot_params</c>), one page.</summary>
    public const ulong ZeroPageAddress = 0x7000;

    /// <summary>The PVH start info with its module list and memory map, one page.</summary>
    public const ulong StartInfoAddress = 0x8000;

    /// <summary>The boot page tables; the first page is the PML4.</summary>
    public const ulong PageTablesAddress = 0x9000;

    /// <summary>The multiboot information with its module list and memory map, one page.</summary>
    public const ulong MultibootInfoAddress = 0x1_F000;

    /// <summary>The kernel's command line.</summary>
    public const ulong CommandLineAddress = 0x2_0000;

    /// <summary>Bytes set aside for the command line with its final NUL.</summary>
    public const int CommandLineCapacity = 0x1_0000;

    /// <summary>The protected-mode part of a bzImage.</summary>
    public const ulong KernelAddress = 0x10_0000;

    /// <summary>One page for KVM_SET_IDENTITY_MAP_ADDR, outside RAM; only Intel hosts use it.</summary>
    public const ulong KvmIdentityMapAddress = 0xFEFF_C000;

    /// <summary>Three pages for KVM_SET_TSS_ADDR, outside RAM; only Intel hosts use them.</summary>
    public const ulong KvmTssAddress = 0xFEFF_D000;

    /// <summary>Most bytes of guest firmware; below begin interrupt controllers and KVM's own pages.</summary>
    public const ulong MaximumFirmwareBytes = 16UL << 20;

    /// <summary>Least RAM: the first megabyte with the boot structures, and one for a kernel.</summary>
    public const ulong MinimumMemoryBytes = 2UL << 20;

    /// <summary>Most RAM: what one memslot above 4 GiB can hold (KVM_MEM_MAX_NR_PAGES, 2^31 - 1 pages), and the 3 GiB below.</summary>
    public const ulong MaximumMemoryBytes = MmioHoleStart + (((1UL << 31) - 1) << GuestPage.Shift);

    /// <summary>The highest bit that an x86-64 page-table entry has for an address.</summary>
    private const int MaxAddressBit = 51;

    private const string MemoryOption = "--memory";
    private const string SevOption = "--sev";

    private GuestLayout(ulong memoryBytes, int? cBitPosition, ulong firmwareBytes)
    {
        MemoryBytes = memoryBytes;
        CBitPosition = cBitPosition;
        LowRam = new GpaRange(default, Math.Min(memoryBytes, MmioHoleStart));
        HighRam = new GpaRange(new Gpa(HighRamStart), memoryBytes - LowRam.Length);
        Firmware = new GpaRange(new Gpa(HighRamStart - firmwareBytes), firmwareBytes);
        RamRanges = [.. new[] { LowRam, Firmware, HighRam }.Where(static range => !range.IsEmpty)];
        E820 = MakeE820(LowRam, Firmware, HighRam);
    }

    /// <summary>RAM in bytes, a multiple of 4 KiB.</summary>
    public ulong MemoryBytes { get; }

    /// <summary>The bit of a guest page-table entry that says private, or null without memory encryption.</summary>
    public int? CBitPosition { get; }

    /// <summary>The C-bit as a mask for page-table entries and CR3; 0 without memory encryption.</summary>
    public ulong CBitMask => CBitPosition is int position ? 1UL << position : 0;

    /// <summary>RAM from address 0 up to the hole for devices.</summary>
    public GpaRange LowRam { get; }

    /// <summary>RAM from 4 GiB up; empty when all of it fits below the hole.</summary>
    public GpaRange HighRam { get; }

    /// <summary>
    /// Memory of the guest's firmware, ending at 4 GiB; empty for a guest that boots a kernel directly. It is RAM: KVM has no read-only
    /// memory for SEV-ES and SEV-SNP. Not part of <see cref="MemoryBytes"/>.
    /// </summary>
    public GpaRange Firmware { get; }

    /// <summary>Every range of RAM, the firmware's among them, ascending; none is empty.</summary>
    public IReadOnlyList<GpaRange> RamRanges { get; }

    /// <summary>The memory map for the guest, ascending and without overlaps.</summary>
    public IReadOnlyList<E820Entry> E820 { get; }

    /// <summary>Lays out a machine.</summary>
    /// <param name="memoryBytes">RAM in bytes, as the user asked for.</param>
    /// <param name="physicalAddressBits">The guest's physical address width (CPUID 0x80000008 EAX[7:0]), 33 to 52 bits.</param>
    /// <param name="mode">What protects the memory; <see cref="SevMode.Simulated"/> needs a C-bit inside the address width.</param>
    /// <param name="cBitPosition">The C-bit's position; needed with encryption, ignored with <see cref="SevMode.None"/>.</param>
    /// <param name="firmwareBytes">Bytes of guest firmware: whole pages, at most <see cref="MaximumFirmwareBytes"/>; 0 for none.</param>
    /// <exception cref="InvalidInputException">The memory size or the C-bit position cannot work.</exception>
    public static GuestLayout Create(
        ulong memoryBytes, int physicalAddressBits, SevMode mode = SevMode.None, int? cBitPosition = null, ulong firmwareBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firmwareBytes, MaximumFirmwareBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(GuestPage.IsAligned(firmwareBytes), true, nameof(firmwareBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(physicalAddressBits, 33);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(physicalAddressBits, MaxAddressBit + 1);

        int? cBit = null;
        if (mode != SevMode.None)
        {
            cBit = cBitPosition ?? throw new ArgumentNullException(nameof(cBitPosition), "Memory encryption needs a C-bit position.");
            CheckCBit(cBit.Value, physicalAddressBits, mode);
        }

        CheckMemorySize(memoryBytes);
        GuestLayout layout = new(memoryBytes, cBit, firmwareBytes);
        CheckReach(layout, physicalAddressBits);
        return layout;
    }

    private static void CheckCBit(int cBit, int physicalAddressBits, SevMode mode)
    {
        // Below bit 33 it would cut through RAM below 4 GiB, the hole for devices, or the first byte above them.
        if (cBit is < 33 or > MaxAddressBit)
        {
            throw new InvalidInputException(SevOption, "cbitpos", $"{cBit} is not a C-bit position; 33 to {MaxAddressBit} are possible");
        }

        if (mode == SevMode.Simulated && cBit >= physicalAddressBits)
        {
            throw new InvalidInputException(
                SevOption,
                "cbitpos",
                $"{cBit} lies outside the guest's {physicalAddressBits} physical address bits; the simulated C-bit is one of them");
        }
    }

    private static void CheckMemorySize(ulong memoryBytes)
    {
        if (memoryBytes == 0)
        {
            throw new InvalidInputException(MemoryOption, "size", "is 0; a guest needs memory");
        }

        if (!GuestPage.IsAligned(memoryBytes))
        {
            throw new InvalidInputException(MemoryOption, "size", $"{memoryBytes} bytes is not a multiple of 4096");
        }

        if (memoryBytes < MinimumMemoryBytes)
        {
            throw new InvalidInputException(
                MemoryOption,
                "size",
                $"{memoryBytes} bytes is too little; boot structures and the smallest kernel take {MinimumMemoryBytes}");
        }

        if (memoryBytes > MaximumMemoryBytes)
        {
            throw new InvalidInputException(
                MemoryOption,
                "size",
                $"{memoryBytes} bytes is more than a KVM guest can have here ({MaximumMemoryBytes})");
        }
    }

    private static void CheckReach(GuestLayout layout, int physicalAddressBits)
    {
        ulong top = layout.RamRanges[^1].End.Value;
        if (top > 1UL << physicalAddressBits)
        {
            throw new InvalidInputException(
                MemoryOption,
                "size",
                $"RAM would end at 0x{top:x}, beyond the guest's {physicalAddressBits} physical address bits");
        }

        if (layout.CBitPosition is int cBit && top > layout.CBitMask)
        {
            throw new InvalidInputException(MemoryOption, "size", $"RAM would end at 0x{top:x}, beyond the C-bit, which is bit {cBit}");
        }
    }

    private static E820Entry[] MakeE820(GpaRange lowRam, GpaRange firmware, GpaRange highRam)
    {
        List<E820Entry> entries =
        [
            new(GpaRange.FromBounds(0, LowUsableEnd), E820Type.Ram),
            new(GpaRange.FromBounds(LowUsableEnd, AcpiTablesAddress), E820Type.Reserved),
            new(new GpaRange(new Gpa(AcpiTablesAddress), AcpiTablesCapacity), E820Type.Acpi),
            new(GpaRange.FromBounds(AcpiTablesAddress + AcpiTablesCapacity, ExtendedMemoryStart), E820Type.Reserved),
            new(GpaRange.FromBounds(ExtendedMemoryStart, lowRam.End.Value), E820Type.Ram),
        ];
        if (!firmware.IsEmpty)
        {
            entries.Add(new(firmware, E820Type.Reserved));
        }

        if (!highRam.IsEmpty)
        {
            entries.Add(new(highRam, E820Type.Ram));
        }

        return [.. entries];
    }
}
