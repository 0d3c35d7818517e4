namespace KvmSevVmm.Vmm.Sharing;

/// <summary>How many 4 KiB pages of the guest's RAM are in each state; the three add up to all of RAM.</summary>
/// <param name="PrivatePages">Pages that the guest reported as private.</param>
/// <param name="SharedPages">Pages that the guest reported as shared.</param>
/// <param name="UnreportedPages">Pages of which the guest never said anything.</param>
public readonly record struct PageTotals(ulong PrivatePages, ulong SharedPages, ulong UnreportedPages);
