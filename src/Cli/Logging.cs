using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using Serilog;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace KvmSevVmm.Cli;

/// <summary>Sets the log up: words on stderr as the options ask, and everything from Information up as CLEF in a file.</summary>
internal static class Logging
{
    /// <summary>Makes the log of one run; <see cref="Close"/> completes the file.</summary>
    /// <param name="options">Which levels, which file.</param>
    /// <param name="error">Takes the one line that is said when the file stops taking the log.</param>
    /// <param name="useColor">Whether stderr is a terminal that wants colours.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    internal static Serilog.Core.Logger Create(CommonOptions options, TextWriter error, bool useColor)
    {
        LogEventLevel consoleLevel = ConsoleLevel(options);
        LoggerConfiguration configuration = new LoggerConfiguration()
            .MinimumLevel.Is(options.LogFile is null || consoleLevel < LogEventLevel.Information ? consoleLevel : LogEventLevel.Information)
            .WriteTo.Console(
                new ConsoleLogFormatter(useColor, withDetails: options.Verbosity >= 2),
                restrictedToMinimumLevel: consoleLevel,
                standardErrorFromLevel: LogEventLevel.Verbose);
        if (options.LogFile is string path)
        {
            // Serilog would create the file for everybody to read, and say nothing if it cannot.
            OutputFile.OpenLive("--log-file", path, append: true).Dispose();
            SelfLog.Enable(WarnOnce(error));
            configuration.WriteTo.File(
                new CompactJsonFormatter(), path, restrictedToMinimumLevel: LogEventLevel.Information, fileSizeLimitBytes: null);
        }

        return configuration.CreateLogger();
    }

    /// <summary>Writes what is left and closes the file.</summary>
    /// <param name="log">The log.</param>
    internal static void Close(Serilog.Core.Logger log)
    {
        try
        {
            log.Dispose();
        }
        catch (IOException)
        {
            // The bytes that are left are those whose write has failed, and has been said to, before.
        }
    }

    /// <summary>The least level that reaches stderr.</summary>
    /// <param name="options">Which levels.</param>
    internal static LogEventLevel ConsoleLevel(CommonOptions options) => options switch
    {
        { Quiet: true } => LogEventLevel.Error,
        { Verbosity: >= 2 } => LogEventLevel.Debug,
        { Verbosity: 1 } => LogEventLevel.Information,
        _ => LogEventLevel.Warning,
    };

    // Serilog keeps the failures of a sink to itself, which is right for a guest's run and wrong for a user who looks for the file later:
    // say it once.
    private static Action<string> WarnOnce(TextWriter error)
    {
        int warned = 0;
        return problem =>
        {
            if (Interlocked.Exchange(ref warned, 1) == 0)
            {
                new ErrorReport(ExitCode.IoError, $"warning: the log is incomplete: {problem}", null).Write(error);
            }
        };
    }
}
