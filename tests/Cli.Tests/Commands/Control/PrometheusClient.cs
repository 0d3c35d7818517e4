using System.Diagnostics;
using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands.Control;

/// <summary>
/// The reader of Prometheus' own library for Python, of Debian's package python3-prometheus-client; a test that needs it is skipped,
/// visibly, without it.
/// </summary>
internal static class PrometheusClient
{
    // By Debian's own Python, for which the package is made.
    private const string Python = "/usr/bin/python3";
    private const string Package = "/usr/lib/python3/dist-packages/prometheus_client";

    private const string Program = """
        import json, sys
        from prometheus_client.parser import text_string_to_metric_families
        print(json.dumps([
            {"name": family.name, "type": family.type, "help": family.documentation,
             "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples]}
            for family in text_string_to_metric_families(sys.stdin.read())]))
        """;

    /// <summary>Reads a text as Prometheus does.</summary>
    /// <returns>Its families, each with name, type, help and samples.</returns>
    internal static JsonElement Read(string text)
    {
        Assert.SkipUnless(Directory.Exists(Package), $"no {Package}: Debian's package python3-prometheus-client is not installed");
        using Process process = Process.Start(new ProcessStartInfo(Python, ["-c", Program])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Write(text);
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.GetAwaiter().GetResult());
        return JsonDocument.Parse(output).RootElement;
    }
}
