using System.Diagnostics;
using Serilog;
using Serilog.Events;

namespace KvmSevVmm.Vmm;

/// <summary>A log for what a guest can provoke: at most ten lines a second, the rest is counted and reported with the next line.</summary>
/// <remarks>A guest can call it at any rate: a suppressed line costs one clock reading and allocates nothing.</remarks>
public sealed class BoundedLog
{
    private const int LinesPerSecond = 10;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private long _windowStart;
    private int _linesInWindow;
    private long _suppressed;

    /// <summary>Makes the log.</summary>
    /// <param name="log">Where the lines go.</param>
    public BoundedLog(ILogger log)
    {
        _log = log;
        _windowStart = Stopwatch.GetTimestamp();
    }

    /// <summary>Whether a line may be written now. When it is false the line is counted as suppressed.</summary>
    /// <param name="level">The line's level.</param>
    public bool MayWrite(LogEventLevel level)
    {
        if (!_log.IsEnabled(level))
        {
            return false;
        }

        long suppressed;
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            if (now - _windowStart >= Stopwatch.Frequency)
            {
                _windowStart = now;
                _linesInWindow = 0;
            }

            if (_linesInWindow == LinesPerSecond)
            {
                _suppressed++;
                return false;
            }

            _linesInWindow++;
            suppressed = _suppressed;
            _suppressed = 0;
        }

        if (suppressed > 0)
        {
            _log.Warning("{Suppressed} messages that the guest caused were suppressed", suppressed);
        }

        return true;
    }

    /// <summary>The log behind the limit; ask <see cref="MayWrite"/> first.</summary>
    public ILogger Log => _log;
}
