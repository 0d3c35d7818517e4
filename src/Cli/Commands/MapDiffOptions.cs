using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map diff</c>.</summary>
[Verb("diff", HelpText = "Compare two maps, page by page.")]
internal sealed class MapDiffOptions : CommonOptions
{
    /// <summary>The first map.</summary>
    [Value(0, MetaName = "A", Required = true, HelpText = "The first map.")]
    public string? Before { get; set; }

    /// <summary>The second map.</summary>
    [Value(1, MetaName = "B", Required = true, HelpText = "The second map.")]
    public string? After { get; set; }
}
