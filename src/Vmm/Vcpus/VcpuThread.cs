using System.Diagnostics;
using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>The dedicated thread of one vCPU and its run loop: enter the guest, answer the exit, enter again.</summary>
internal sealed class VcpuThread : IDisposable
{
    /// <summary>Runs that may end with nothing done, one after the other, before the thread takes a rest between them.</summary>
    private const int PatientRuns = 16;

    /// <summary>How long it rests: about what a start-up IPI may wait.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(1);

    private readonly KvmVcpu _vcpu;
    private readonly ExitDispatcher _dispatcher;
    private readonly IVcpuObserver _observer;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _isAttached = new();
    private readonly ManualResetEventSlim _mustStop = new();
    private readonly ThreadGate _gate = new(isOpen: false);
    private VcpuKick? _kick;
    private bool _isStarted;
    private volatile bool _isStopRequested;

    /// <summary>Makes the thread; it does not run yet.</summary>
    /// <param name="vcpu">The vCPU, ready to run.</param>
    /// <param name="dispatcher">Answers its exits.</param>
    /// <param name="observer">Told when the loop ends.</param>
    public VcpuThread(KvmVcpu vcpu, ExitDispatcher dispatcher, IVcpuObserver observer)
    {
        _vcpu = vcpu;
        _dispatcher = dispatcher;
        _observer = observer;
        _thread = new Thread(Main) { Name = $"vcpu{vcpu.Id}", IsBackground = true };
    }

    /// <summary>What the vCPU has done.</summary>
    public VcpuStatistics Statistics { get; } = new();

    /// <summary>Starts the thread and returns when it can be kicked; the guest does not run before <see cref="Release"/>.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
        _isAttached.Wait();
    }

    /// <summary>The thread's name.</summary>
    public string Name => _thread.Name!;

    /// <summary>The kernel's number of the thread; 0 before <see cref="Start"/>.</summary>
    public int ThreadId => _kick?.ThreadId ?? 0;

    /// <summary>Lets the guest run, for the first time or again.</summary>
    public void Release() => _gate.Open();

    /// <summary>Asks the vCPU to stand still until <see cref="Release"/>; from any thread, once the thread is started.</summary>
    public void RequestPause()
    {
        if (_gate.Close())
        {
            _kick?.Kick();
        }
    }

    /// <summary>Waits until the vCPU stands still, as it was asked to, or has ended.</summary>
    /// <param name="timeout">The longest wait.</param>
    /// <returns>False when the time ran out.</returns>
    public bool WaitStill(TimeSpan timeout) => _gate.WaitStill(timeout);

    /// <summary>Asks the loop to end; from any thread, also before <see cref="Release"/> and after the end.</summary>
    public void RequestStop()
    {
        _isStopRequested = true;
        _mustStop.Set();
        _kick?.Kick();
        _gate.OpenForEver();
    }

    /// <summary>Waits until the thread has ended; one that was never started has.</summary>
    /// <param name="timeout">The longest wait.</param>
    /// <returns>False when the time ran out.</returns>
    public bool Join(TimeSpan timeout) => !_isStarted || _thread.Join(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _kick?.Dispose();
        _isAttached.Dispose();
        _mustStop.Dispose();
    }

    private void Main()
    {
        try
        {
            ThreadName.SetCurrent(_thread.Name!);
            _kick = VcpuKick.AttachCurrentThread(_vcpu);
            _isAttached.Set();
            _gate.Pass();
            if (!_isStopRequested)
            {
                Statistics.FirstRunTimestamp = Stopwatch.GetTimestamp();
            }

            RunGuest(_kick);
        }
#pragma warning disable CA1031 // The one place where a failure of this thread is carried to the thread that owns the machine.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _observer.OnVcpuFailed((int)_vcpu.Id, failure);
            _isAttached.Set();
        }
        finally
        {
            _gate.Leave();
        }
    }

    private void RunGuest(VcpuKick kick)
    {
        long allocatedAtStart = 0;
        long exits = 0;
        int idleRuns = 0;
        VcpuAction action = VcpuAction.Poll;
        while (true)
        {
            if (action == VcpuAction.Poll)
            {
                // Acknowledge first: a request that is made after it kicks again.
                bool wasKicked = kick.Acknowledge();
                if (_isStopRequested)
                {
                    break;
                }

                if (!_gate.IsOpen)
                {
                    // No access is half answered here, so registers can be read while the guest stands still.
                    _gate.Pass();
                    continue;
                }

                // A vCPU that waits for its start-up IPI sleeps in the kernel, and KVM_RUN answers EAGAIN when something wakes it. Should
                // a kernel answer without having slept, that must not cost a processor.
                idleRuns = wasKicked ? 0 : idleRuns + 1;
                if (idleRuns > PatientRuns)
                {
                    _mustStop.Wait(Rest);
                }
            }
            else
            {
                idleRuns = 0;
            }

            VcpuExit exit = _vcpu.Run();
            Statistics.Count(exit.Reason);
            action = _dispatcher.Dispatch(exit);
            if (action == VcpuAction.Stop)
            {
                Statistics.AllocatedBytes = AllocatedSince(allocatedAtStart, exits);
                _observer.OnVcpuStopped(_vcpu, exit);
                return;
            }

            if (exits++ == 0)
            {
                // The first exit pays for one-time initialisation; from here on nothing may be allocated.
                allocatedAtStart = GC.GetAllocatedBytesForCurrentThread();
            }
        }

        Statistics.AllocatedBytes = AllocatedSince(allocatedAtStart, exits);
    }

    private static long AllocatedSince(long start, long exits) => exits == 0 ? 0 : GC.GetAllocatedBytesForCurrentThread() - start;
}
