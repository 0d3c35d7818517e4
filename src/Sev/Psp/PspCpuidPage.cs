using System.Buffers.Binary;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// The model's check of a CPUID page: its shape, the size of the XSAVE area, and the bits that AMD's firmware takes from every guest. The
/// real firmware compares every leaf with the processor; the model has none to compare with.
/// </summary>
/// <remarks>
/// Source: AMD SNP ABI 56860, CPUID page: count u32, reserved u32, reserved u64, then 64 entries of EAX_IN, ECX_IN, XCR0_IN u64, XSS_IN
/// u64, EAX, EBX, ECX, EDX, reserved u64. The bits are those that QEMU leaves out because the firmware refuses them.
/// </remarks>
internal static class PspCpuidPage
{
    private const int MaximumCount = 64;
    private const int HeadSize = 16;
    private const int EntrySize = 48;
    private const int EaxOffset = 24;
    private const int ReservedOffset = 40;
    private const uint LegacySaveSize = 0x240;

    // Leaf, subleaf (null for any), register (EAX 0 to EDX 3), bits.
    private static readonly (uint Leaf, uint? Subleaf, int Register, uint Bits)[] Refused =
    [
        (0x00000001, null, 2, 1U << 24), // TSC_DEADLINE
        (0x00000007, 0, 1, 1U << 1), // TSC_ADJUST
        (0x00000007, 0, 3, 0x3FU << 26), // SPEC_CTRL, STIBP, FLUSH_L1D, ARCH_CAPABILITIES, CORE_CAPABILITY, SSBD
        (0x80000008, null, 1, 1U << 25), // VIRT_SSBD
    ];

    /// <summary>Checks a page, and writes the values that would be accepted into it.</summary>
    /// <param name="page">The page, 4096 bytes.</param>
    /// <returns>What is wrong, or null.</returns>
    internal static string? Correct(Span<byte> page)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(page);
        if (count > MaximumCount)
        {
            return $"{count} entries are more than {MaximumCount}";
        }

        if (page[sizeof(uint)..HeadSize].ContainsAnyExcept((byte)0))
        {
            return "a reserved field of the CPUID page is not zero";
        }

        string? problem = null;
        for (int index = 0; index < (int)count; index++)
        {
            Span<byte> entry = page.Slice(HeadSize + (index * EntrySize), EntrySize);
            if (entry[ReservedOffset..].ContainsAnyExcept((byte)0))
            {
                return $"a reserved field of CPUID entry {index} is not zero";
            }

            problem = CorrectEntry(entry) ?? problem;
        }

        return problem;
    }

    private static string? CorrectEntry(Span<byte> entry)
    {
        uint leaf = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        uint subleaf = BinaryPrimitives.ReadUInt32LittleEndian(entry[sizeof(uint)..]);
        string? problem = null;
        if (leaf == 0x0D && subleaf <= 1 && Read(entry, 1) != LegacySaveSize)
        {
            problem = $"CPUID leaf 0xd/{subleaf}: EBX 0x{Read(entry, 1):x} must be 0x{LegacySaveSize:x}";
            Write(entry, 1, LegacySaveSize);
        }

        foreach ((uint refusedLeaf, uint? refusedSubleaf, int register, uint bits) in Refused)
        {
            uint value = Read(entry, register);
            if (leaf == refusedLeaf && subleaf == (refusedSubleaf ?? subleaf) && (value & bits) != 0)
            {
                problem = $"CPUID leaf 0x{leaf:x}/{subleaf}: bits 0x{value & bits:x} of register {register} are refused";
                Write(entry, register, value & ~bits);
            }
        }

        return problem;
    }

    private static uint Read(ReadOnlySpan<byte> entry, int register) =>
        BinaryPrimitives.ReadUInt32LittleEndian(entry[(EaxOffset + (register * sizeof(uint)))..]);

    private static void Write(Span<byte> entry, int register, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(entry[(EaxOffset + (register * sizeof(uint)))..], value);
}
