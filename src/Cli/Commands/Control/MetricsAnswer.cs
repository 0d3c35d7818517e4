using System.Text.Json;
using KvmSevVmm.Vmm.Metrics;

namespace KvmSevVmm.Cli.Commands.Control;

/// <summary>Reads the answer to <c>x-kvmsev-metrics</c>.</summary>
internal static class MetricsAnswer
{
    /// <summary>Reads it.</summary>
    /// <param name="answer">The answer.</param>
    /// <exception cref="IOException">It is none.</exception>
    internal static IReadOnlyList<Metric> Read(JsonElement answer)
    {
        try
        {
            return [.. answer.EnumerateArray().Select(ReadMetric)];
        }
        catch (Exception error) when (error is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new IOException("the machine's metrics cannot be read", error);
        }
    }

    private static Metric ReadMetric(JsonElement metric) => new(
        metric.GetProperty("name").GetString()!,
        metric.GetProperty("help").GetString()!,
        metric.GetProperty("type").ValueEquals("counter"u8),
        [.. metric.GetProperty("samples").EnumerateArray().Select(ReadSample)]);

    private static MetricSample ReadSample(JsonElement sample) => new(
        sample.GetProperty("value").GetUInt64(),
        [.. sample.GetProperty("labels").EnumerateObject().Select(static label => (label.Name, label.Value.GetString()!))]);
}
