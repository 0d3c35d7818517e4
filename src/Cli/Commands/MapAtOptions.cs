using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map at</c>.</summary>
[Verb("at", HelpText = "Say of guest physical addresses whether they are private or shared.")]
internal sealed class MapAtOptions : CommonOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE", HelpText = "The map, an event log, or a guest's control socket.")]
    public string? File { get; set; }

    /// <summary>The addresses.</summary>
    [Value(1, MetaName = "GPA...", HelpText = "Guest physical addresses, decimal or with 0x, without the C-bit.")]
    public IEnumerable<string> Addresses { get; set; } = [];

    /// <summary>The control socket of a guest that runs.</summary>
    [Option("socket", MetaValue = "PATH", HelpText = "In place of FILE: the guest that runs at this control socket, its --api-socket.")]
    public string? Socket { get; set; }

    /// <summary>The addresses; with <c>--socket</c> no file stands before them.</summary>
    internal IEnumerable<string> AllAddresses => Socket is not null && File is not null ? Addresses.Prepend(File) : Addresses;

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (!AllAddresses.Any())
        {
            throw new UsageException("an argument is missing", $"usage: {MapAtCommand.Verb.Usage}");
        }
    }
}
