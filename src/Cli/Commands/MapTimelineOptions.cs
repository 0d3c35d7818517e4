using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map timeline</c>.</summary>
[Verb("timeline", HelpText = "Replay a boot from its event log, step by step.")]
internal sealed class MapTimelineOptions : MapEvidenceOptions
{
    /// <summary>The log.</summary>
    [Value(0, MetaName = "EVENTS", Required = true, HelpText = "The event log, as 'run --event-log' wrote it.")]
    public string? File { get; set; }

    /// <summary>The form to write.</summary>
    [Choices("table", "json", "html")]
    [Option("format", MetaValue = "FORM", HelpText = "table (default), json or html.")]
    public string? Format { get; set; }

    /// <summary>The file to write.</summary>
    [Option("output", MetaValue = "FILE", HelpText = "Write to FILE instead of stdout.")]
    public string? Output { get; set; }

    /// <summary>The form.</summary>
    /// <exception cref="UsageException">Unknown form, or options that contradict each other.</exception>
    internal MapFormat ParseFormat()
    {
        MapFormat format = Format is string word
            ? ChoiceValue.Parse("--format", word, ("table", MapFormat.Table), ("json", MapFormat.Json), ("html", MapFormat.Html))
            : Json ? MapFormat.Json : MapFormat.Table;
        return Json && format != MapFormat.Json ? throw new UsageException($"--json and --format {Format} contradict each other") : format;
    }
}
