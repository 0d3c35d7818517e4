using System.Globalization;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Reads maps: files, whichever lossless form they have, and guests that run.</summary>
internal static class MapFile
{
    /// <summary>What a bitmap's header is called: the bitmap's name and this.</summary>
    internal const string HeaderSuffix = ".json";

    /// <summary>
    /// Reads a map. The first bytes tell the form: <c>{"t":</c> an event log, which is replayed; <c>{</c> (or white space) JSON, <c>#</c>
    /// CSV, anything else a bitmap with its header beside it. <c>FILE@SECONDS</c> is an event log up to that moment. A socket is a guest
    /// that runs: its map of this moment.
    /// </summary>
    /// <param name="path">The file or socket.</param>
    /// <exception cref="FileNotFoundException">There is no such file, or no header for a bitmap.</exception>
    /// <exception cref="Vmm.InvalidInputException">It is no map.</exception>
    /// <exception cref="Vmm.Control.QmpException">The guest behind a socket does not run.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    internal static SharedRegionMap Read(string path) => Read(path, out _);

    /// <summary>The same, and whether the file is an event log.</summary>
    /// <param name="path">The file or socket.</param>
    /// <param name="isEventLog">Whether it is an event log, all of it.</param>
    internal static SharedRegionMap Read(string path, out bool isEventLog)
    {
        isEventLog = false;
        const string Argument = "map file";
        if (!File.Exists(path) && TryParseMoment(path, out string log, out TimeSpan moment))
        {
            return ReadEventLog(Argument, log, moment);
        }

        if (IsSocket(path))
        {
            return LiveMap.Read(path);
        }

        using FileStream file = FileKind.OpenInput(Argument, path);
        Span<byte> head = stackalloc byte[5];
        int known = file.CanSeek ? file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) : 0;
        if (head[..known].SequenceEqual("{\"t\":"u8))
        {
            isEventLog = true;
            return ReadEventLog(Argument, path, null);
        }

        file.Position = 0;
        int first = known == 0 ? -1 : head[0];
        switch (first)
        {
            case '{' or ' ' or '\t' or '\r' or '\n':
                return SharedRegionMapJson.Read(file, path);
            case '#':
                return SharedRegionMapCsv.Read(file, path);
            default:
                string header = path + HeaderSuffix;
                if (!File.Exists(header))
                {
                    throw new Vmm.InvalidInputException(
                        path,
                        "format",
                        $"is neither JSON nor CSV, and there is no '{header}' that would make it a bitmap");
                }

                using (FileStream headerFile = FileKind.OpenInput("bitmap header", header))
                {
                    return SharedRegionMapBitmap.Read(file, headerFile, path, header);
                }
        }
    }

    /// <summary>Refuses a command line that names no map, or two.</summary>
    /// <param name="file">The file, or null.</param>
    /// <param name="socket">The value of <c>--socket</c>, or null.</param>
    /// <param name="usage">The verb's usage, for the message.</param>
    /// <exception cref="UsageException">Both are given, or none.</exception>
    internal static void RequireOne(string? file, string? socket, string usage)
    {
        if (file is not null && socket is not null)
        {
            throw new UsageException("FILE and --socket both name a map; give one of them");
        }

        if (file is null && socket is null)
        {
            throw new UsageException("an argument is missing", $"usage: {usage}");
        }
    }

    // Whatever else keeps a path from being looked at is said when it is opened.
    private static bool IsSocket(string path)
    {
        try
        {
            return path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal)
                && FileKind.TypeOf(path) == FilePermissions.S_IFSOCK;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static SharedRegionMap ReadEventLog(string argument, string path, TimeSpan? moment)
    {
        EventLogReplay replay = EventLogFile.Replay(argument, path, moment);
        return MapAttribution.Label(replay.Snapshot(), replay.Evidence());
    }

    private static bool TryParseMoment(string path, out string log, out TimeSpan moment)
    {
        int at = path.LastIndexOf('@');
        log = at < 0 ? path : path[..at];
        moment = default;
        if (at < 0 || !File.Exists(log)
            || !decimal.TryParse(path.AsSpan(at + 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds)
            || seconds > 1_000_000_000)
        {
            return false;
        }

        moment = TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    /// <summary>Says on stderr that one of the maps is a simulated guest's, where the answer itself has no place for it.</summary>
    /// <param name="options">With --json the document has the mode; --quiet asks for silence.</param>
    /// <param name="context">Takes the words.</param>
    /// <param name="maps">The maps that the answer is about.</param>
    internal static void WarnOfSimulation(CommonOptions options, CliContext context, params IEnumerable<SharedRegionMap> maps)
    {
        string simulated = SevModeWords.WordFor(SevMode.Simulated);
        if (!options.Json && !options.Quiet && maps.Any(map => map.Mode == simulated))
        {
            context.Error.WriteLine("kvmsev: the guest was simulated: nothing is encrypted and nothing is confidential");
        }
    }
}
