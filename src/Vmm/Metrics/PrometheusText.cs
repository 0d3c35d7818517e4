using System.Globalization;
using System.Text;

namespace KvmSevVmm.Vmm.Metrics;

/// <summary>Writes metrics in Prometheus' text format 0.0.4, as node_exporter's textfile collector reads it.</summary>
public static class PrometheusText
{
    /// <summary>Makes the text; a metric without values is left out.</summary>
    /// <param name="metrics">The metrics.</param>
    public static string Format(IEnumerable<Metric> metrics)
    {
        StringBuilder text = new();
        foreach (Metric metric in metrics.Where(static metric => metric.Samples.Count > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {metric.Name} {metric.Help}\n# TYPE {metric.Name} {metric.TypeWord}\n");
            foreach (MetricSample sample in metric.Samples)
            {
                string labels = string.Join(',', sample.Labels.Select(static label => $"{label.Name}=\"{Escape(label.Value)}\""));
                text.Append(metric.Name).Append(labels.Length == 0 ? string.Empty : $"{{{labels}}}");
                text.Append(CultureInfo.InvariantCulture, $" {sample.Value}\n");
            }
        }

        return text.ToString();
    }

    private static string Escape(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}
