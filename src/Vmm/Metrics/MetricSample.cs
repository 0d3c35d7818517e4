namespace KvmSevVmm.Vmm.Metrics;

/// <summary>One value of a metric.</summary>
/// <param name="Value">The value.</param>
/// <param name="Labels">What tells it from the metric's other values.</param>
public readonly record struct MetricSample(ulong Value, params IReadOnlyList<(string Name, string Value)> Labels);
