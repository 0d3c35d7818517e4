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
        Gpa pml4 = new(GuestLayout.PageTablesAddress);
        Gpa pointers = pml4 + GuestPage.Size;
        Gpa directories = pointers + GuestPage.Size;
        range = new GpaRange(pml4, PageCount * GuestPage.Size);
        memory.Clear(range);

        // Accessed and dirty are set in advance, so that the processor has no reason to write here.
        const ulong TableFlags = Present | Writable | Accessed;
        const ulong PageFlags = Present | Writable | Accessed | Dirty | LargePage;
        memory.Write(pml4, pointers.Value | TableFlags | encrypted);
        for (uint i = 0; i < DirectoryCount; i++)
        {
            Gpa directory = directories + (i * GuestPage.Size);
            memory.Write(pointers + (i * sizeof(ulong)), directory.Value | TableFlags | encrypted);
        }

        for (uint i = 0; i < DirectoryCount * EntriesPerTable; i++)
        {
            // RAM below 4 GiB is one range from address 0, so the page holds RAM exactly if its start does.
            Gpa page = new((ulong)i << LargePageShift);
            ulong entry = page.Value | PageFlags | (layout.LowRam.Contains(page) ? encrypted : 0);
            memory.Write(directories + (i * sizeof(ulong)), entry);
        }

        return pml4.Value | encrypted;
    }
}
