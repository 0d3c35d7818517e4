using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Commands.Control;

/// <summary>The options of <c>ctl</c>.</summary>
[Verb("ctl", HelpText = "Ask a running machine, or tell it what to do.")]
internal sealed class CtlOptions : CommonOptions
{
    private const string PrometheusFormat = "prometheus";

    /// <summary>The control socket.</summary>
    [Option("socket", Required = true, MetaValue = "PATH", HelpText = "Control socket of the machine: its --api-socket.")]
    public string? Socket { get; set; }

    /// <summary>The command.</summary>
    [Choices("status", "stop", "cont", "powerdown", "reset", "quit", "cpus", "sev", "map", "page", "journal", "exits", "guard",
        "migratable", CtlWords.Metrics, CtlWords.Events, "commands")]
    [Value(0, MetaName = "COMMAND", Required = true,
        HelpText = "status, stop, cont, powerdown, reset, quit, cpus, sev, map, page, journal, exits, guard, migratable, metrics, events, "
            + "commands, or any command of the control socket.")]
    public string? Command { get; set; }

    /// <summary>Its arguments as JSON.</summary>
    [Value(1, MetaName = "ARGUMENTS", HelpText = "The command's arguments, as a JSON object.")]
    public string? Arguments { get; set; }

    /// <summary>Its arguments one by one.</summary>
    [Option("arg", MetaValue = "NAME=VALUE",
        HelpText = "One argument of the command; may be repeated. VALUE is JSON, or else a text.")]
    public IEnumerable<string> Arg { get; set; } = [];

    /// <summary>The form of the answer.</summary>
    [Choices("json", PrometheusFormat)]
    [Option("format", MetaValue = "FORM", HelpText = "json (default); of metrics also prometheus, as a text for node_exporter.")]
    public string? Format { get; set; }

    /// <summary>The longest wait.</summary>
    [Option("timeout", MetaValue = "TIME", Default = "60s", HelpText = "Wait at most TIME for the machine: 60s, 2m, 500ms.")]
    public string Timeout { get; set; } = string.Empty;

    /// <summary>Whether the metrics are wanted as Prometheus has them.</summary>
    internal bool IsPrometheus => Format is string word && ChoiceValue.Parse("--format", word, ("json", false), (PrometheusFormat, true));

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Command is CtlWords.Events && (Arguments is not null || Arg.Any()))
        {
            throw new UsageException($"{CtlWords.Events} takes no arguments");
        }

        if (IsPrometheus && (CtlWords.CommandOf(Command!) != CtlWords.QueryMetrics || Json))
        {
            throw new UsageException($"--format {PrometheusFormat} is a form of '{CtlWords.Metrics}', without --json");
        }
    }
}
