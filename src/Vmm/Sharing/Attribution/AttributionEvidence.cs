using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>What is known beside a map of what its ranges are used for. Any part may be missing.</summary>
public sealed record AttributionEvidence
{
    /// <summary>What was put into RAM before the guest started, in any order; the guest may have other uses for it by now.</summary>
    public IReadOnlyList<LabelledRange> Loaded { get; init; } = [];

    /// <summary>
    /// Ranges in use: rings of devices, firmware's areas, what KVM's registers point to. In any order; one that overlaps an earlier one
    /// goes on top.
    /// </summary>
    public IReadOnlyList<LabelledRange> Known { get; init; } = [];

    /// <summary>The guest's conversions in their order; null when some are lost.</summary>
    public ConversionAnalysis? Conversions { get; init; }

    /// <summary>The bounce buffers' range as the console said; null when it did not.</summary>
    public GpaRange? ConsoleSwiotlb { get; init; }

    /// <summary>The kernel's symbols, or null.</summary>
    public KernelSymbols? Symbols { get; init; }
}
