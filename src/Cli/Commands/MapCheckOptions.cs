using CommandLine;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map check</c>.</summary>
[Verb("check", HelpText = "List what looks wrong in a map.")]
internal sealed class MapCheckOptions : MapEvidenceOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE", Required = true, HelpText = "The map, or an event log.")]
    public string? File { get; set; }

    /// <summary>The guest's history.</summary>
    [Option("event-log", MetaValue = "FILE", HelpText = "The event log of the same guest.")]
    public string? EventLog { get; set; }
}
