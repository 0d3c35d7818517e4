using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>map show</c>.</summary>
[Verb("show", HelpText = "Print a map, or convert it to another form.")]
internal sealed class MapShowOptions : CommonOptions
{
    /// <summary>The map.</summary>
    [Value(0, MetaName = "FILE", Required = true, HelpText = "The map: JSON, CSV, or a bitmap with its header beside it.")]
    public string? File { get; set; }

    /// <summary>The form to write.</summary>
    [Option("format", MetaValue = "FORM", HelpText = "table (default), json, csv or bitmap.")]
    public string? Format { get; set; }

    /// <summary>The file to write.</summary>
    [Option("output", MetaValue = "FILE", HelpText = "Write to FILE instead of stdout.")]
    public string? Output { get; set; }

    /// <summary>The form, with its consequences checked.</summary>
    /// <exception cref="UsageException">Unknown form, or options that contradict each other.</exception>
    internal MapFormat ParseFormat()
    {
        MapFormat format = Format is string word
            ? ChoiceValue.Parse(
                "--format",
                word,
                ("table", MapFormat.Table),
                ("json", MapFormat.Json),
                ("csv", MapFormat.Csv),
                ("bitmap", MapFormat.Bitmap))
            : Json ? MapFormat.Json : MapFormat.Table;
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
