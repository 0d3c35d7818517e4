using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>The longest range of RAM around its pages that is in one state and carries one label, or none.</summary>
/// <param name="Range">Whole pages of RAM.</param>
/// <param name="State">Their state.</param>
/// <param name="Label">What they are used for, where that is known.</param>
public readonly record struct SharedRegionRun(GpaRange Range, PageState State, RangeLabel? Label);
