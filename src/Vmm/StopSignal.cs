using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm;

/// <summary>The one place that knows why a machine ends: the first request wins, and whoever waits is woken.</summary>
public sealed class StopSignal : IMachineControl, IDisposable
{
    private readonly ManualResetEventSlim _requested = new();
    private readonly CancellationTokenSource _token = new();
    private readonly Lock _lock = new();
    private StopReason _reason;
    private int _guestCode;

    /// <summary>Why the machine ends; <see cref="StopReason.None"/> while nobody has asked.</summary>
    public StopReason Reason
    {
        get
        {
            lock (_lock)
            {
                return _reason;
            }
        }
    }

    /// <summary>The guest's code that came with the request, else 0.</summary>
    public int GuestCode
    {
        get
        {
            lock (_lock)
            {
                return _guestCode;
            }
        }
    }

    /// <summary>Cancelled by the first request: for who waits for something else beside it.</summary>
    public CancellationToken Token => _token.Token;

    /// <inheritdoc/>
    public void RequestStop(StopReason reason, int guestCode = 0)
    {
        lock (_lock)
        {
            if (_reason == StopReason.None)
            {
                _reason = reason;
                _guestCode = guestCode;
            }
        }

        _requested.Set();
        _token.Cancel();
    }

    /// <summary>Waits for a request.</summary>
    /// <param name="timeout">The longest wait, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <returns>False when the time ran out.</returns>
    public bool Wait(TimeSpan timeout) => _requested.Wait(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _requested.Dispose();
        _token.Dispose();
    }
}
