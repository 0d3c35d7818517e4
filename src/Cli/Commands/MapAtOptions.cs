using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map at</c>.</summary>
[Verb("at", HelpText = "Say of guest physical addresses whether they are private or shared.")]
internal sealed class MapAtOptions : CommonOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE", Required = true, HelpText = "The map.")]
    public string? File { get; set; }

    /// <summary>The addresses.</summary>
    [Value(1, MetaName = "GPA...", Required = true, HelpText = "Guest physical addresses, decimal or with 0x, without the C-bit.")]
    public IEnumerable<string> Addresses { get; set; } = [];
}
