using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Something that the loader put into the guest's RAM.</summary>
/// <param name="Name">What it is: <c>kernel</c>, <c>initrd</c>, <c>command line</c>, <c>zero page</c>, <c>start info</c>, <c>page tables</c> or <c>GDT</c>.</param>
/// <param name="Range">Whole pages, without the C-bit; what the piece does not fill in them is zero. No two pieces share a page.</param>
public readonly record struct LoadedPiece(string Name, GpaRange Range);
