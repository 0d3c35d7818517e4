using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A range of RAM and what it is used for.</summary>
/// <param name="Range">Whole pages.</param>
/// <param name="Label">What for.</param>
public readonly record struct LabelledRange(GpaRange Range, RangeLabel Label);
