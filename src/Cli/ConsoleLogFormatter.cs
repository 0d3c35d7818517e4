using System.Globalization;
using KvmSevVmm.Cli.Output;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace KvmSevVmm.Cli;

/// <summary>Writes a log event as one line for people: <c>kvmsev: warning: Rejected 0x1000 (3 pages)</c>.</summary>
/// <remarks>A message can carry what a guest or a file chose; control characters never reach the terminal.</remarks>
internal sealed class ConsoleLogFormatter : ITextFormatter
{
    // "lj": strings without quotation marks, structures as JSON.
    private static readonly MessageTemplateTextFormatter Message = new("{Message:lj}", CultureInfo.InvariantCulture);

    private readonly bool _useColor;
    private readonly bool _withDetails;

    /// <summary>Makes the formatter.</summary>
    /// <param name="useColor">Whether the level is coloured.</param>
    /// <param name="withDetails">Whether the time and an exception's stack trace are written too.</param>
    internal ConsoleLogFormatter(bool useColor, bool withDetails)
    {
        _useColor = useColor;
        _withDetails = withDetails;
    }

    /// <inheritdoc/>
    public void Format(LogEvent logEvent, TextWriter output)
    {
        (string level, string color) = logEvent.Level switch
        {
            LogEventLevel.Verbose or LogEventLevel.Debug => ("debug", "\e[90m"),
            LogEventLevel.Information => ("info", "\e[36m"),
            LogEventLevel.Warning => ("warning", "\e[33m"),
            _ => ("error", "\e[31m"),
        };
        using StringWriter message = new(CultureInfo.InvariantCulture);
        Message.Format(logEvent, message);
        output.Write("kvmsev: ");
        if (_withDetails)
        {
            output.Write(logEvent.Timestamp.ToString("HH:mm:ss.fff ", CultureInfo.InvariantCulture));
        }

        output.Write(_useColor ? $"{color}{level}:\e[0m " : $"{level}: ");
        output.WriteLine(OneLine.Clean(message.ToString()));
        if (_withDetails && logEvent.Exception is Exception error)
        {
            foreach (string line in error.ToString().Split('\n'))
            {
                output.WriteLine($"  {OneLine.Clean(line.TrimEnd('\r'))}");
            }
        }
    }
}
