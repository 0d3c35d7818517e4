namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What one read of the journal gave.</summary>
/// <param name="Count">Records copied; 0 when there is none behind the generation asked for.</param>
/// <param name="Lost">Records behind the generation asked for that newer ones have overwritten; they were older than all that were
/// copied.</param>
public readonly record struct JournalBatch(int Count, ulong Lost);
