using System.Runtime.InteropServices;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The page tables that the kernel starts with: an identity map of the first 4 GiB with 2 MiB pages.</summary>
/// <remarks>
/// With memory encryption the C-bit stands in CR3 and in each entry that points to a table (the tables lie in RAM), and in each entry whose
/// 2 MiB hold any RAM; beyond RAM there are devices, which are shared.
/// </remarks>
public static class BootPageTables
{
    /// <summary>PML4, page-directory-pointer table and four page directories.</summary>
    public const int PageCount = 2 + DirectoryCount;

    private const int DirectoryCount = 4;
    private const int EntriesPerTable = 512;
    private const int LargePageShift = 21;
    private const ulong Present = 1 << 0;
    private const ulong Writable = 1 << 1;
    private const ulong Accessed = 1 << 5;
    private const ulong Dirty = 1 << 6;
    private const ulong LargePage = 1 << 7;

    /// <summary>Writes the tables.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="range">The pages that were written.</param>
    /// <returns>The value for CR3.</returns>
    internal static ulong Write(GuestMemory memory, out GpaRange range)
    {
        GuestLayout layout = memory.Layout;
        ulong encrypted = layout.CBitMask;
        range = new GpaRange(new Gpa(GuestLayout.PageTablesAddress), PageCount * GuestPage.Size);
        Span<ulong> tables = MemoryMarshal.Cast<byte, ulong>(memory.GetSpan(range.Start, PageCount * GuestPage.Size));
        tables.Clear();

        // Accessed and dirty are set in advance, so that the processor has no reason to write here.
        const ulong TableFlags = Present | Writable | Accessed;
        const ulong PageFlags = Present | Writable | Accessed | Dirty | LargePage;
        const ulong PointersAddress = GuestLayout.PageTablesAddress + GuestPage.Size;
        tables[0] = PointersAddress | TableFlags | encrypted;

        Span<ulong> pointers = tables[EntriesPerTable..];
        for (int i = 0; i < DirectoryCount; i++)
        {
            ulong directory = PointersAddress + ((ulong)(i + 1) * GuestPage.Size);
            pointers[i] = directory | TableFlags | encrypted;
        }

        // The directories lie side by side, so that they are one array of all 2 MiB pages.
        Span<ulong> pages = tables[(2 * EntriesPerTable)..];
        for (int i = 0; i < pages.Length; i++)
        {
            // RAM below 4 GiB is one range from address 0, so the page holds RAM exactly if its start does.
            ulong page = (ulong)i << LargePageShift;
            pages[i] = page | PageFlags | (page < layout.LowRam.End.Value ? encrypted : 0);
        }

        return GuestLayout.PageTablesAddress | encrypted;
    }
}
