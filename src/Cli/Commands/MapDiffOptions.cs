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

    /// <summary>Whether kinds of regions are compared, not addresses.</summary>
    [Option("by-kind", HelpText = "Compare kinds of regions by their labels: addresses, which KASLR moves, do not count.")]
    public bool ByKind { get; set; }

    /// <summary>Whether pages are compared.</summary>
    [Option("exact", HelpText = "Compare page by page (the default).")]
    public bool Exact { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (ByKind && Exact)
        {
            throw new UsageException("--by-kind and --exact contradict each other");
        }
    }
}
