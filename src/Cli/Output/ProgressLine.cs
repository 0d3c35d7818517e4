using System.Globalization;

namespace KvmSevVmm.Cli.Output;

/// <summary>
/// One line on the terminal that says how far long work has come. It appears after two seconds, follows twice a second, and is wiped out at
/// the end; where stderr is no terminal there is none.
/// </summary>
internal sealed class ProgressLine : IProgress<long>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);

    private readonly Lock _gate = new();
    private readonly TextWriter _output;
    private readonly string _what;
    private readonly long _total;
    private readonly TimeProvider _clock;
    private readonly long _start;
    private readonly ITimer? _timer;
    private long _done;
    private int _width;
    private bool _isDisposed;

    /// <summary>Starts to wait.</summary>
    /// <param name="context">Its stderr, and whether that is a terminal.</param>
    /// <param name="quiet">Whether the user wants none.</param>
    /// <param name="what">What is being done: "measuring".</param>
    /// <param name="total">What <see cref="Report"/> says at the end; 0 if unknown.</param>
    internal ProgressLine(CliContext context, bool quiet, string what, long total)
    {
        _output = context.Error;
        _what = what;
        _total = total;
        _clock = context.Clock;
        _start = _clock.GetTimestamp();
        _timer = context.IsErrorTerminal && !quiet ? _clock.CreateTimer(_ => Show(), null, Patience, Interval) : null;
    }

    /// <inheritdoc/>
    public void Report(long value) => Volatile.Write(ref _done, value);

    /// <summary>Wipes the line out.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            _isDisposed = true;
            if (_width > 0)
            {
                _output.Write("\r" + new string(' ', _width) + "\r");
                _output.Flush();
            }
        }
    }

    private void Show()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            long done = Volatile.Read(ref _done);
            string share = _total > 0 && done > 0
                ? string.Create(CultureInfo.InvariantCulture, $" {Math.Min(100, done * 100 / _total)} %,")
                : string.Empty;
            string line = string.Create(
                CultureInfo.InvariantCulture, $"kvmsev: {_what}{share} {_clock.GetElapsedTime(_start).TotalSeconds:0} s");
            _output.Write("\r" + line.PadRight(_width));
            _output.Flush();
            _width = Math.Max(_width, line.Length);
        }
    }
}
