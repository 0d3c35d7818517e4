using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The files that <c>run</c> writes. All are opened, and so found to be writable, before the guest starts.</summary>
internal sealed class RunFiles : IDisposable
{
    private RunFiles()
    {
    }

    /// <summary>The map, or null when none was asked for.</summary>
    internal OutputFile? Map { get; private set; }

    /// <summary>The event log, or null.</summary>
    internal OutputFile? EventLog { get; private set; }

    /// <summary>The result, or null.</summary>
    internal OutputFile? Result { get; private set; }

    /// <summary>The launch bundle, or null.</summary>
    internal OutputFile? LaunchBundle { get; private set; }

    /// <summary>The metrics, or null. Replaced again and again while the guest runs; until then only known to be writable.</summary>
    internal MetricsFile? Metrics { get; private set; }

    /// <summary>
    /// What the serial port writes to when it is a file. Written in place as the guest talks, for others to follow; the rest appears whole
    /// at the end.
    /// </summary>
    internal FileStream? Serial { get; private set; }

    /// <summary>The same of the virtio console.</summary>
    internal FileStream? Console { get; private set; }

    /// <summary>What the debug console writes to, likewise in place.</summary>
    internal FileStream? DebugConsole { get; private set; }

    /// <summary>Opens every file; when one fails, those before it are closed and nothing is left behind.</summary>
    /// <param name="options">Their names.</param>
    /// <param name="serial">Where the serial port goes.</param>
    /// <param name="console">Where the virtio console goes.</param>
    /// <param name="standardOutput">What <c>-</c> stands for.</param>
    /// <exception cref="IOException">One cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">One may not be written.</exception>
    internal static RunFiles Open(RunOptions options, SerialTarget serial, SerialTarget console, Stream standardOutput)
    {
        RunFiles files = new();
        try
        {
            files.Map = OpenOne("--map-out", options.MapOut, standardOutput);
            files.EventLog = OpenEventLog(options.EventLog, standardOutput);
            files.Result = OpenOne("--result", options.Result, standardOutput);
            files.LaunchBundle = OpenOne("--launch-bundle", options.LaunchBundle, standardOutput);
            files.Metrics = options.MetricsFile is string metrics ? MetricsFile.Open(metrics, options.ParseMetricsInterval()) : null;

            // Last: these are emptied at once.
            files.Serial = serial.Path is string path ? OutputFile.OpenLive("--serial", path) : null;
            files.Console = console.Path is string consolePath ? OutputFile.OpenLive("--console", consolePath) : null;
            files.DebugConsole = options.DryRun ? null : OpenDebugConsole(options.DebugConsole);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Closes what is open; what was not committed is as if it had never been opened.</summary>
    public void Dispose()
    {
        Map?.Dispose();
        EventLog?.Dispose();
        Result?.Dispose();
        LaunchBundle?.Dispose();
        Serial?.Dispose();
        Console?.Dispose();
        DebugConsole?.Dispose();
    }

    /// <summary>The event log is written on vCPU threads: a pipe whose reader is slow would hold up the guest, and its end.</summary>
    private static OutputFile? OpenEventLog(string? path, Stream standardOutput)
    {
        if (path is not null && (path == "-" || FileKind.TypeOf(path) is not (null or FilePermissions.S_IFREG)))
        {
            throw new UsageException(
                $"--event-log: '{path}' is not a regular file", "write to a file and follow the map instead, or read it afterwards");
        }

        return OpenOne("--event-log", path, standardOutput);
    }

    /// <summary>Written on vCPU threads, as the event log.</summary>
    private static FileStream? OpenDebugConsole(string? path)
    {
        const string Option = "--debug-console";
        if (path is null)
        {
            return null;
        }

        return path != "-" && FileKind.TypeOf(path) is null or FilePermissions.S_IFREG
            ? OutputFile.OpenLive(Option, path)
            : throw new UsageException($"{Option}: '{path}' is not a regular file");
    }

    private static OutputFile? OpenOne(string option, string? path, Stream standardOutput) =>
        path is null ? null : OutputFile.Open(option, path, standardOutput);
}
