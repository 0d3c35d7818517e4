using CommandLine;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map check</c>.</summary>
[Verb("check", HelpText = "List what looks wrong in a map.")]
internal sealed class MapCheckOptions : MapEvidenceOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE", HelpText = "The map, an event log, or a guest's control socket.")]
    public string? File { get; set; }

    /// <summary>The control socket of a guest that runs.</summary>
    [Option("socket", MetaValue = "PATH", HelpText = "In place of FILE: the guest that runs at this control socket, its --api-socket.")]
    public string? Socket { get; set; }

    /// <summary>The guest's history.</summary>
    [Option("event-log", MetaValue = "FILE", HelpText = "The event log of the same guest.")]
    public string? EventLog { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        MapFile.RequireOne(File, Socket, MapCheckCommand.Verb.Usage);
    }
}
