namespace KvmSevVmm.Vmm.Metrics;

/// <summary>Something that is counted or measured, with its values.</summary>
/// <param name="Name">The name, as Prometheus wants names: a counter's ends in <c>_total</c>, a size's in <c>_bytes</c>.</param>
/// <param name="Help">What it is, one line.</param>
/// <param name="IsCounter">Whether it only grows; otherwise it is a gauge.</param>
/// <param name="Samples">The values, one for each set of labels.</param>
public sealed record Metric(string Name, string Help, bool IsCounter, IReadOnlyList<MetricSample> Samples)
{
    /// <summary>Prometheus' word for the type.</summary>
    public string TypeWord => IsCounter ? "counter" : "gauge";
}
