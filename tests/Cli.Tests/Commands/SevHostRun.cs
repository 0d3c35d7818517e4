using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>What came of a run.</summary>
/// <param name="ExitCode">The command's exit code.</param>
/// <param name="Error">Its stderr.</param>
/// <param name="Log">The calls; the last one is the summary.</param>
/// <param name="Result">The result file.</param>
internal sealed record SevHostRun(int ExitCode, string Error, JsonElement[] Log, JsonElement Result)
{
    /// <summary>The summary.</summary>
    public JsonElement Summary => Log[^1];

    /// <summary>Violations, but for a VM that was never initialised because the test forbade it.</summary>
    public string[] Violations =>
    [
        .. Summary.GetProperty("all").EnumerateArray()
            .Where(static entry => entry.GetProperty("severity").GetString() == "error"
                && entry.GetProperty("code").GetString() != "never-initialised")
            .Select(static entry => entry.GetProperty("text").GetString()!),
    ];

    /// <summary>What was still pinned in the host's memory when the command ended.</summary>
    public string[] Leaks =>
    [
        .. Summary.GetProperty("all").EnumerateArray()
            .Where(static entry => entry.GetProperty("code").GetString() == "leaked-registration")
            .Select(static entry => entry.GetProperty("text").GetString()!),
    ];

    /// <summary>The names of all calls, in their order.</summary>
    public IEnumerable<string> Calls => Log.SkipLast(1).Select(static line => line.GetProperty("call").GetString()!);

    /// <summary>How many calls were made to fail.</summary>
    public int Injected => Log.Count(static line =>
        line.TryGetProperty("args", out JsonElement arguments) && arguments.TryGetProperty("injected", out _));

    /// <summary>How many calls of that name succeeded.</summary>
    public int Count(string call) => Log.Count(line =>
        line.TryGetProperty("call", out JsonElement name) && name.GetString() == call
        && line.TryGetProperty("result", out JsonElement result) && result.GetInt64() >= 0);

    /// <summary>A text of the one VM that was launched.</summary>
    public string OfVm(string name) => Summary.GetProperty("vms")[0].GetProperty(name).ToString();
}
