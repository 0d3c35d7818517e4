using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Metrics;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Commands;

/// <summary>
/// The file of <c>--metrics-file</c>: replaced whole each time, so that a reader never sees half of it. A failure to write it is kept and
/// told at the end; the guest does not stop for it.
/// </summary>
/// <remarks>Node_exporter's textfile collector, the usual reader, runs as another user, so everybody may read a new file (mode 0644): it
/// holds counts and names of devices, nothing of the guest's. A file that stands there keeps its mode.</remarks>
internal sealed class MetricsFile
{
    private const string Option = "--metrics-file";

    private const UnixFileMode ReadableByAll =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly string _path;

    private MetricsFile(string path, TimeSpan interval)
    {
        _path = path;
        Interval = interval;
    }

    /// <summary>How often to write it.</summary>
    internal TimeSpan Interval { get; }

    /// <summary>Why it could not be written the last time, or null.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Finds out whether the file can be written, and leaves it as it is.</summary>
    /// <param name="path">The file.</param>
    /// <param name="interval">How often to write it.</param>
    /// <exception cref="UsageException">It is no regular file, which a rename could replace.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    internal static MetricsFile Open(string path, TimeSpan interval)
    {
        if (path == "-" || FileKind.TypeOf(path) is not (null or FilePermissions.S_IFREG))
        {
            throw new UsageException(
                $"{Option}: '{path}' is not a regular file", "write to a file; a running guest's metrics are also at its --api-socket");
        }

        OutputFile.Open(Option, path, Stream.Null, ReadableByAll).Dispose();
        return new MetricsFile(path, interval);
    }

    /// <summary>Replaces the content.</summary>
    /// <param name="metrics">What it says from now on.</param>
    internal void Write(IReadOnlyList<Metric> metrics)
    {
        try
        {
            using OutputFile file = OutputFile.Open(Option, _path, Stream.Null, ReadableByAll);
            file.WriteAll(stream => stream.Write(Encoding.UTF8.GetBytes(PrometheusText.Format(metrics))));
            Failure = null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Failure = error;
        }
    }

    /// <summary>Throws the failure of the last attempt to write, if it failed.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It might not be written.</exception>
    internal void ThrowIfFailed()
    {
        switch (Failure)
        {
            case null:
                break;
            case UnauthorizedAccessException denied:
                throw new UnauthorizedAccessException(denied.Message, denied);
            default:
                throw new IOException(Failure.Message, Failure);
        }
    }
}
