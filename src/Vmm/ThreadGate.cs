using System.Diagnostics;

namespace KvmSevVmm.Vmm;

/// <summary>A gate that one thread passes again and again, and stands still at while it is closed.</summary>
/// <remarks>All but <see cref="Pass"/> and <see cref="Leave"/> may be called from any thread at any time.</remarks>
internal sealed class ThreadGate
{
    private readonly object _lock = new();
    private volatile bool _isOpen;
    private bool _isForEver;
    private bool _isStill;
    private bool _hasLeft;

    /// <summary>Makes the gate.</summary>
    /// <param name="isOpen">Whether it is open.</param>
    public ThreadGate(bool isOpen) => _isOpen = isOpen;

    /// <summary>Whether it is open. A thread that finds it closed calls <see cref="Pass"/>.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>Opens it.</summary>
    public void Open()
    {
        lock (_lock)
        {
            _isOpen = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Closes it. The thread comes to it only when it looks: wake it from what it does.</summary>
    /// <returns>False when it was closed before, or stays open for ever.</returns>
    public bool Close()
    {
        lock (_lock)
        {
            bool changes = _isOpen && !_isForEver;
            _isOpen = !changes && _isOpen;
            return changes;
        }
    }

    /// <summary>Opens it for ever.</summary>
    public void OpenForEver()
    {
        lock (_lock)
        {
            _isForEver = true;
            Open();
        }
    }

    /// <summary>Waits until the thread stands still at the closed gate, or has left.</summary>
    /// <param name="timeout">The longest wait.</param>
    /// <returns>False when the time ran out.</returns>
    public bool WaitStill(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_lock)
        {
            while (!_hasLeft && (_isOpen || !_isStill))
            {
                TimeSpan rest = timeout - Stopwatch.GetElapsedTime(start);
                if (rest <= TimeSpan.Zero || !Monitor.Wait(_lock, rest))
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Returns when the gate is open; for the thread itself.</summary>
    public void Pass()
    {
        lock (_lock)
        {
            _isStill = true;
            Monitor.PulseAll(_lock);
            while (!_isOpen)
            {
                Monitor.Wait(_lock);
            }

            _isStill = false;
        }
    }

    /// <summary>The thread comes no more; nobody shall wait for it.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _hasLeft = true;
            Monitor.PulseAll(_lock);
        }
    }
}
