using System.Buffers.Binary;
using System.Globalization;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The page of CPUID values that a SEV-SNP guest believes, because the processor's firmware has checked it.</summary>
/// <remarks>
/// Source: AMD SNP ABI 56860, CPUID page: count u32, 12 reserved bytes, then entries of 48 bytes: EAX_IN u32, ECX_IN u32, XCR0_IN u64,
/// XSS_IN u64, EAX, EBX, ECX, EDX u32, 8 reserved bytes. Which bits are left out is QEMU's experience of what the firmware refuses.
/// </remarks>
internal static class SnpCpuidPage
{
    /// <summary>The most entries that a page has.</summary>
    internal const int MaximumCount = 64;

    private const int HeadSize = 16;
    private const int EntrySize = 48;
    private const int Xcr0Offset = 8;
    private const int RegistersOffset = 24;
    private const uint SignificantIndex = 1;
    private const uint SaveAreaLeaf = 0xD;

    /// <summary>The size of the XSAVE area with x87 and SSE alone, which XCR0 = 1 stands for.</summary>
    private const uint LegacySaveSize = 0x240;

    private static readonly string[] RegisterNames = ["EAX", "EBX", "ECX", "EDX"];

    /// <summary>Writes the page.</summary>
    /// <param name="page">The page, 4096 bytes; overwritten.</param>
    /// <param name="cpuid">What the first vCPU's CPUID says.</param>
    /// <exception cref="HostLacksException">It says more than a page has room for.</exception>
    internal static void Write(Span<byte> page, ReadOnlySpan<KvmCpuidEntry2> cpuid)
    {
        page[..GuestPage.Size].Clear();
        int count = 0;
        foreach (KvmCpuidEntry2 entry in cpuid)
        {
            // An entry of zeros says what a missing one says. KVM's own leaves stay: Linux reads them here too, or finds no KVM.
            if ((entry.Eax | entry.Ebx | entry.Ecx | entry.Edx) == 0)
            {
                continue;
            }

            if (count == MaximumCount)
            {
                throw new HostLacksException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"--sev sev-snp: this processor has more CPUID leaves than a SEV-SNP guest can be told ({MaximumCount})"),
                    "this is a limit of the SNP firmware interface; please report the output of 'kvmsev doctor'");
            }

            WriteEntry(page.Slice(HeadSize + (count++ * EntrySize), EntrySize), entry);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(page, (uint)count);
    }

    /// <summary>Where two pages differ, one clause for each register.</summary>
    /// <param name="offered">The page as it was given to the firmware.</param>
    /// <param name="wanted">The page as the firmware would take it.</param>
    internal static IEnumerable<string> Compare(byte[] offered, byte[] wanted)
    {
        int count = Math.Min(MaximumCount, (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(offered)));
        for (int index = 0; index < count; index++)
        {
            int start = HeadSize + (index * EntrySize);
            string leaf = string.Create(CultureInfo.InvariantCulture, $"0x{Read(offered, start):x}/{Read(offered, start + 4):x}");
            for (int register = 0; register < RegisterNames.Length; register++)
            {
                int offset = start + RegistersOffset + (register * sizeof(uint));
                if (Read(offered, offset) != Read(wanted, offset))
                {
                    yield return string.Create(
                        CultureInfo.InvariantCulture,
                        $"CPUID {leaf} {RegisterNames[register]}: 0x{Read(offered, offset):x} was offered, "
                        + $"the firmware wants 0x{Read(wanted, offset):x}");
                }
            }

            if (!offered.AsSpan(start, RegistersOffset).SequenceEqual(wanted.AsSpan(start, RegistersOffset)))
            {
                yield return $"CPUID {leaf}: the firmware wants other inputs (leaf, subleaf, XCR0 or XSS)";
            }
        }
    }

    private static uint Read(ReadOnlySpan<byte> page, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(page[offset..]);

    private static void WriteEntry(Span<byte> destination, KvmCpuidEntry2 entry)
    {
        uint subleaf = (entry.Flags & SignificantIndex) != 0 ? entry.Index : 0;
        uint ebx = entry.Ebx;
        if (entry.Function == SaveAreaLeaf && subleaf <= 1)
        {
            // These two depend on XCR0 and XSS; the firmware takes them for the values after reset.
            BinaryPrimitives.WriteUInt64LittleEndian(destination[Xcr0Offset..], 1);
            ebx = LegacySaveSize;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination, entry.Function);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], subleaf);
        ReadOnlySpan<uint> registers = [entry.Eax, ebx, entry.Ecx, entry.Edx];
        for (int register = 0; register < registers.Length; register++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(
                destination[(RegistersOffset + (register * sizeof(uint)))..],
                registers[register] & ~RefusedBits(entry.Function, subleaf, register));
        }
    }

    /// <summary>Bits that no SEV-SNP guest is granted: speculation controls and timers that the host would have to emulate.</summary>
    private static uint RefusedBits(uint leaf, uint subleaf, int register) => (leaf, subleaf, register) switch
    {
        (0x1, _, 2) => 1u << 24, // TSC_DEADLINE
        (0x7, 0, 1) => 1u << 1, // TSC_ADJUST
        (0x7, 0, 3) => 0x3Fu << 26, // SPEC_CTRL, STIBP, FLUSH_L1D, ARCH_CAPABILITIES, CORE_CAPABILITY, SSBD
        (0x8000_0008, _, 1) => 1u << 25, // VIRT_SSBD
        _ => 0,
    };
}
