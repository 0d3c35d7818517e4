using System.Diagnostics;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Vcpus;
using Serilog;

namespace KvmSevVmm.Vmm;

/// <summary>Has a machine's vCPUs and devices run or stand still, whoever asks and whenever.</summary>
/// <remarks>
/// As QEMU does, the guest's kvm-clock stands still with it and each vCPU is told, so that no watchdog of the guest fires. Time-stamp
/// counters and the timers of KVM's interrupt controllers go on; what they raise is taken when the guest goes on.
/// </remarks>
internal sealed class RunControl
{
    /// <summary>How long all threads together may take to stand still: a disk may be busy with one long write.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly MachineParts _parts;
    private readonly IReadOnlyList<VcpuThread> _threads;
    private readonly ILogger _log;
    private KvmClockData? _stoppedClock;
    private bool _hasBegun;
    private bool _hasEnded;

    // Written under the lock; read without it, so that nobody waits for a stop.
    private volatile bool _isPaused;

    /// <summary>Makes the control of a machine that does not run yet.</summary>
    /// <param name="parts">The machine.</param>
    /// <param name="threads">Its vCPUs' threads.</param>
    /// <param name="log">The monitor's log.</param>
    public RunControl(MachineParts parts, IReadOnlyList<VcpuThread> threads, ILogger log)
    {
        _parts = parts;
        _threads = threads;
        _log = log;
    }

    /// <summary>Whether the guest stands still because it was asked to. Waits for nobody.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Lets the guest run for the first time, unless it was asked to stand still; the vCPUs' threads are started.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            _hasBegun = true;
            if (!_isPaused)
            {
                Release();
            }
        }
    }

    /// <summary>See <see cref="IRunningMachine.Pause"/>.</summary>
    public bool Pause()
    {
        lock (_lock)
        {
            if (_isPaused || _hasEnded)
            {
                return false;
            }

            if (_hasBegun)
            {
                Stop();
            }

            _isPaused = true;
            return true;
        }
    }

    /// <summary>See <see cref="IRunningMachine.Resume"/>.</summary>
    public bool Resume()
    {
        lock (_lock)
        {
            if (!_isPaused || _hasEnded)
            {
                return false;
            }

            _isPaused = false;
            if (_hasBegun)
            {
                GoOn();
            }

            return true;
        }
    }

    /// <summary>Does something that holds while the guest runs or stands still; neither changes meanwhile.</summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="work">Told whether the guest's vCPUs stand still.</param>
    public T With<T>(Func<bool, T> work)
    {
        lock (_lock)
        {
            return work(_isPaused && _hasBegun);
        }
    }

    /// <summary>Has every vCPU end; from then on nothing runs or stands still any more.</summary>
    public void End()
    {
        lock (_lock)
        {
            _hasEnded = true;
            foreach (VcpuThread thread in _threads)
            {
                thread.RequestStop();
            }
        }
    }

    private void Stop()
    {
        try
        {
            foreach (VcpuThread thread in _threads)
            {
                thread.RequestPause();
            }
        }
        catch (KvmException)
        {
            // A thread could not be woken; those that stand still already must not stay so.
            GoOn();
            throw;
        }

        long start = Stopwatch.GetTimestamp();
        string? late = _threads.FirstOrDefault(thread => !thread.WaitStill(Remaining(start)))?.Name;
        if (late is null)
        {
            // Before the devices: a stop that one of them foils has a clock to put back.
            _stoppedClock = TryClock(() => _parts.Vm.GetClock());
            late = _parts.Virtio.Pause(() => Remaining(start));
        }

        if (late is not null)
        {
            GoOn();
            throw new TimeoutException($"the thread {late} did not stop within {StopLimit.TotalSeconds:0} s");
        }
    }

    private static TimeSpan Remaining(long start)
    {
        TimeSpan remaining = StopLimit - Stopwatch.GetElapsedTime(start);
        return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
    }

    private void GoOn()
    {
        // Before the vCPUs: none may run with the clock of the stop.
        RestartClock();
        _parts.Virtio.Resume();
        Release();
    }

    private void Release()
    {
        foreach (VcpuThread thread in _threads)
        {
            thread.Release();
        }
    }

    private void RestartClock()
    {
        if (_stoppedClock is KvmClockData stopped)
        {
            _ = TryClock(() =>
            {
                _parts.Vm.SetClock(new KvmClockData { Clock = stopped.Clock });
                foreach (KvmVcpu vcpu in _parts.Vcpus)
                {
                    _ = vcpu.TryTellOfPause();
                }

                return stopped;
            });
        }

        _stoppedClock = null;
    }

    /// <summary>A clock that runs on is a lesser evil than a guest that cannot be stopped or goes on no more.</summary>
    private KvmClockData? TryClock(Func<KvmClockData> work)
    {
        try
        {
            return work();
        }
        catch (KvmException refused)
        {
            _log.Warning("The guest's clock does not stand still with it: {Problem}", refused.Message);
            return null;
        }
    }
}
