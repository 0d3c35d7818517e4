using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A range that two maps say different things of.</summary>
/// <param name="Range">Whole pages.</param>
/// <param name="Before">The state in the first map; null where it has no RAM.</param>
/// <param name="After">The state in the second map; null where it has no RAM.</param>
public readonly record struct SharedRegionChange(GpaRange Range, PageState? Before, PageState? After);
