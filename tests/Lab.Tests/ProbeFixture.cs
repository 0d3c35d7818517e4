using System.Text.Json;
using KvmSevVmm.Lab.Tests;

[assembly: AssemblyFixture(typeof(ProbeFixture))]

namespace KvmSevVmm.Lab.Tests;

/// <summary>Runs every tiny guest of LabProbe once, in one laboratory; the tests look at the lines it printed.</summary>
public sealed class ProbeFixture
{
    private readonly Lazy<Dictionary<string, JsonElement>> _results = new(RunProbe);

    /// <summary>What was seen of one case.</summary>
    /// <param name="name">The case.</param>
    public JsonElement this[string name]
    {
        get
        {
            string? reason = Laboratory.SkipReason("labprobe");
            Assert.SkipWhen(reason is not null, reason ?? string.Empty);
            return _results.Value.TryGetValue(name, out JsonElement result)
                ? result
                : throw new KeyNotFoundException($"labprobe printed no line for '{name}'");
        }
    }

    private static Dictionary<string, JsonElement> RunProbe()
    {
        LabOutput run = Laboratory.Run(
            "scripts/lab.sh",
            [
                "--file", Repository.Artifact("labprobe"), "--file", Repository.Artifact("libMonoPosixHelper.so"),
                "--timeout", "180", "--", "labprobe",
            ],
            TimeSpan.FromSeconds(240));
        Assert.True(run.ExitCode == 0, $"labprobe ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
        return run.Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(static line => line.GetProperty("name").GetString()!);
    }
}
