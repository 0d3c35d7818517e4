namespace KvmSevVmm.Cli.Commands.Control;

/// <summary>Short words for commands of the control socket.</summary>
internal static class CtlWords
{
    /// <summary>What is no command but prints what the machine tells.</summary>
    internal const string Events = "events";

    /// <summary>The short word for the metrics.</summary>
    internal const string Metrics = "metrics";

    /// <summary>The command of the metrics.</summary>
    internal const string QueryMetrics = "x-kvmsev-metrics";

    private static readonly Dictionary<string, string> Commands = new(StringComparer.Ordinal)
    {
        ["status"] = "query-status",
        ["powerdown"] = "system_powerdown",
        ["reset"] = "system_reset",
        ["cpus"] = "query-cpus-fast",
        ["sev"] = "query-sev",
        ["commands"] = "query-commands",
        ["map"] = "x-kvmsev-query-map",
        ["page"] = "x-kvmsev-query-page",
        ["journal"] = "x-kvmsev-query-journal",
        ["exits"] = "x-kvmsev-query-exits",
        ["guard"] = "x-kvmsev-query-guard",
        ["migratable"] = "x-kvmsev-query-migratable",
        [Metrics] = QueryMetrics,
    };

    /// <summary>The command that a word stands for: itself, if it is no short word.</summary>
    /// <param name="word">The word.</param>
    internal static string CommandOf(string word) => Commands.GetValueOrDefault(word, word);
}
