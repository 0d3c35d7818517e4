using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>What came of a command on a simulated SEV host.</summary>
/// <param name="ExitCode">The command's exit code.</param>
/// <param name="Output">Its stdout.</param>
/// <param name="Error">Its stderr.</param>
/// <param name="Log">The calls; the last one is the summary.</param>
internal sealed record SevHostCommand(int ExitCode, string Output, string Error, JsonElement[] Log)
{
    /// <summary>What a real host would have punished, but for a VM that was never initialised because the test forbade it.</summary>
    public int Violations => Log[^1].GetProperty("all").EnumerateArray().Count(static entry =>
        entry.GetProperty("severity").GetString() == "error" && entry.GetProperty("code").GetString() != "never-initialised");

    /// <summary>How many calls were made to fail.</summary>
    public int Injected => Log.Count(static line =>
        line.TryGetProperty("args", out JsonElement arguments) && arguments.TryGetProperty("injected", out _));

    /// <summary>How many calls of that name were made.</summary>
    public int Count(string call) =>
        Log.Count(line => line.TryGetProperty("call", out JsonElement name) && name.GetString() == call);
}
