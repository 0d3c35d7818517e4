using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map show</c>.</summary>
[Verb("show", HelpText = "Print a map, or convert it to another form.")]
internal sealed class MapShowOptions : MapEvidenceOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE",
        HelpText = "The map: JSON, CSV, a bitmap with its header beside it, an event log, or a guest's control socket.")]
    public string? File { get; set; }

    /// <summary>The control socket of a guest that runs.</summary>
    [Option("socket", MetaValue = "PATH", HelpText = "In place of FILE: the guest that runs at this control socket, its --api-socket.")]
    public string? Socket { get; set; }

    /// <summary>The form to write.</summary>
    [Choices("picture", "table", "json", "csv", "bitmap", "svg", "png", "html")]
    [Option("format", MetaValue = "FORM", HelpText = "picture (default on a terminal), table, json, csv, bitmap, svg, png or html.")]
    public string? Format { get; set; }

    /// <summary>The file to write.</summary>
    [Option("output", MetaValue = "FILE", HelpText = "Write to FILE instead of stdout.")]
    public string? Output { get; set; }

    /// <summary>The guest's history.</summary>
    [Option("event-log", MetaValue = "FILE", HelpText = "The event log of the same guest: tells what ranges are used for.")]
    public string? EventLog { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        MapFile.RequireOne(File, Socket, MapShowCommand.Verb.Usage);
    }

    /// <summary>The form, with its consequences checked.</summary>
    /// <exception cref="UsageException">Unknown form, or options that contradict each other.</exception>
    /// <param name="isTerminal">Whether stdout is a terminal.</param>
    internal MapFormat ParseFormat(bool isTerminal)
    {
        MapFormat format = Format is string word
            ? ChoiceValue.Parse(
                "--format",
                word,
                ("table", MapFormat.Table),
                ("json", MapFormat.Json),
                ("csv", MapFormat.Csv),
                ("bitmap", MapFormat.Bitmap),
                ("picture", MapFormat.Picture),
                ("svg", MapFormat.Svg),
                ("png", MapFormat.Png),
                ("html", MapFormat.Html))
            : Json ? MapFormat.Json : isTerminal && Output is null ? MapFormat.Picture : MapFormat.Table;
        if (Json && format != MapFormat.Json)
        {
            throw new UsageException($"--json and --format {Format} contradict each other");
        }

        // Its header goes to a file beside it, which stdout does not have.
        return format == MapFormat.Bitmap && Output is null or "-" or "/dev/stdout"
            ? throw new UsageException("--format bitmap needs --output FILE", $"the header is written to FILE{MapFile.HeaderSuffix}")
            : format;
    }
}
