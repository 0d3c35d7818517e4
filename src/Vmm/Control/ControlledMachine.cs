using System.Collections.Concurrent;
using System.Diagnostics;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// A machine as the control socket sees it: what state it is in, what its launch has come to, and what may be asked of it. It stands
/// from before the machine is built until after it is gone, and is the owner that a launch waits for.
/// </summary>
/// <remarks>Safe for several threads. Requests on the launch are done by the launching thread, one after the other.</remarks>
public sealed class ControlledMachine : ILaunchOwner, IDisposable
{
    private readonly Lock _lock = new();
    private readonly BlockingCollection<OwnerRequest> _requests = [];
    private readonly StopSignal _stop;
    private MeasuredLaunch? _launch;
    private Action? _pressPowerButton;
    private bool _isWaiting;

    /// <summary>Describes a machine that is about to be built.</summary>
    /// <param name="stop">What ends it; stays the caller's.</param>
    public ControlledMachine(StopSignal stop)
    {
        _stop = stop;
    }

    /// <summary>What protects the guest's memory.</summary>
    public SevMode Mode { get; init; }

    /// <summary>Whether it is a SEV-SNP guest, simulated or not.</summary>
    public bool IsSnp { get; init; }

    /// <summary>Whether the launch waits for its owner.</summary>
    public bool WaitsForOwner { get; init; }

    /// <summary>How long the launch waits for its owner, or null for as long as it takes.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Told of the measurement when the launch begins to wait; on the launching thread.</summary>
    public Action<MeasuredLaunch>? Announce { get; init; }

    /// <summary>What the machine is doing.</summary>
    public VmState State
    {
        get
        {
            lock (_lock)
            {
                return field;
            }
        }

        set
        {
            lock (_lock)
            {
                field = value;
            }
        }
    }

    /// <summary>The launch once it is measured, else null.</summary>
    public MeasuredLaunch? Launch
    {
        get
        {
            lock (_lock)
            {
                return _launch;
            }
        }
    }

    /// <summary>The launch of a SEV-SNP guest and the firmware's version, once it is finished; else null.</summary>
    public (SnpLaunchResult Launch, SevFirmwareVersion Firmware)? SnpLaunch
    {
        get
        {
            lock (_lock)
            {
                return field;
            }
        }

        private set
        {
            lock (_lock)
            {
                field = value;
            }
        }
    }

    /// <summary>Whether the launch takes secrets now.</summary>
    public bool IsWaiting
    {
        get
        {
            lock (_lock)
            {
                return _isWaiting;
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="LaunchStoppedException">The machine was asked to end while it waited.</exception>
    public void Approve(MeasuredLaunch launch)
    {
        lock (_lock)
        {
            _launch = launch;
            _isWaiting = WaitsForOwner;
        }

        if (!WaitsForOwner)
        {
            return;
        }

        try
        {
            Announce?.Invoke(launch);
            Wait(launch);
        }
        finally
        {
            EndWaiting();
        }
    }

    /// <inheritdoc/>
    public void Learn(SnpLaunchResult launch, SevFirmwareVersion firmware) => SnpLaunch = (launch, firmware);

    /// <summary>Puts a secret into the guest, which waits for it.</summary>
    /// <param name="packet">The owner's packet.</param>
    /// <param name="target">First guest address, or null for the place that the guest has for it.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="QmpException">The launch does not wait.</exception>
    public Task<GpaRange> InjectSecretAsync(TransportPacket packet, Gpa? target) =>
        Request(new OwnerRequest(launch => launch.Inject(packet, target)));

    /// <summary>Lets the guest run. A guest that runs already, or is about to, stays as it is.</summary>
    /// <exception cref="QmpException">The launch is to wait, and is not measured yet.</exception>
    public Task ContinueAsync()
    {
        lock (_lock)
        {
            if (!_isWaiting && (_launch is not null || !WaitsForOwner))
            {
                return Task.CompletedTask;
            }
        }

        return Request(new OwnerRequest(null));
    }

    /// <summary>Says what presses the machine's power button, once there is a machine; null when it is about to be taken down.</summary>
    /// <param name="press">Called under a lock, from any thread; short.</param>
    public void SetPowerButton(Action? press)
    {
        lock (_lock)
        {
            _pressPowerButton = press;
        }
    }

    /// <summary>Presses the machine's power button.</summary>
    /// <exception cref="QmpException">The guest does not run.</exception>
    public void PressPowerButton()
    {
        lock (_lock)
        {
            if (_pressPowerButton is not { } press)
            {
                throw new QmpException("The guest does not run, so it has no power button");
            }

            press();
        }
    }

    /// <summary>Ends the machine.</summary>
    public void Quit() => _stop.RequestStop(StopReason.Quit);

    /// <inheritdoc/>
    public void Dispose() => _requests.Dispose();

    private Task<GpaRange> Request(OwnerRequest request)
    {
        lock (_lock)
        {
            if (IsSnp)
            {
                throw new QmpException("SEV: a SEV-SNP guest takes no launch secret; its owner asks it for its report while it runs");
            }

            if (!_isWaiting)
            {
                throw _launch is null && WaitsForOwner
                    ? new QmpException("SEV: the launch is not measured yet")
                    : new QmpException("SEV: not in the correct state (LSECRET): the guest takes no more secrets");
            }

            _requests.Add(request);
        }

        return request.Done;
    }

    private void Wait(MeasuredLaunch launch)
    {
        long start = Stopwatch.GetTimestamp();
        bool mayRun = false;
        while (!mayRun)
        {
            OwnerRequest? request;
            try
            {
                if (!_requests.TryTake(out request, Remaining(start), _stop.Token))
                {
                    _stop.RequestStop(StopReason.Timeout);
                    throw new LaunchStoppedException(_stop.Reason);
                }
            }
            catch (OperationCanceledException)
            {
                throw new LaunchStoppedException(_stop.Reason);
            }

            mayRun = request.Perform(launch);
        }
    }

    private int Remaining(long start) => Patience is TimeSpan patience
        ? (int)Math.Max(0, (patience - Stopwatch.GetElapsedTime(start)).TotalMilliseconds)
        : Timeout.Infinite;

    private void EndWaiting()
    {
        lock (_lock)
        {
            _isWaiting = false;
            while (_requests.TryTake(out OwnerRequest? late))
            {
                late.Refuse(new QmpException("SEV: not in the correct state (LSECRET): the launch waits no more"));
            }
        }
    }
}
