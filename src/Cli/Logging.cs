using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace KvmSevVmm.Cli;

/// <summary>Sets the log up: words on stderr as the options ask, and everything from Information up as CLEF in a file.</summary>
internal static class Logging
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes the log of one run; dispose it so that the file is complete.</summary>
    /// <param name="options">Which levels, which file.</param>
    /// <param name="useColor">Whether stderr is a terminal that wants colours.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    internal static Serilog.Core.Logger Create(CommonOptions options, bool useColor)
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
            Prepare(path);
            configuration.WriteTo.File(
                new CompactJsonFormatter(), path, restrictedToMinimumLevel: LogEventLevel.Information, fileSizeLimitBytes: null);
        }

        return configuration.CreateLogger();
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

    // Serilog keeps the failures of a sink to itself and creates its file for everybody to read: both are settled before it gets the path.
    private static void Prepare(string path)
    {
        const string Option = "--log-file";
        try
        {
            using FileStream probe = new(
                path,
                new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, UnixCreateMode = OwnerOnly });
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UnauthorizedAccessException($"{Option}: permission denied: '{path}'", error);
        }
        catch (DirectoryNotFoundException error)
        {
            throw new IOException($"{Option}: cannot write '{path}': the directory does not exist", error);
        }
        catch (IOException error)
        {
            throw new IOException($"{Option}: cannot write '{path}': {FileKind.Explain(error)}", error);
        }
    }
}
