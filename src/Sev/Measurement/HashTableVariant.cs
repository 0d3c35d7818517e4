using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>One way to make the hash table, or none.</summary>
/// <param name="Table">The table; null for a launch without one.</param>
/// <param name="Differences">In what it differs from the given one, in words.</param>
internal sealed record HashTableVariant(SevHashTable? Table, IReadOnlyList<string> Differences);
