using System.Collections.Concurrent;
using System.Diagnostics;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// A machine as the control socket sees it: what state it is in, what its launch has come to, and what may be asked of it. It stands
/// from before the machine is built until after it is gone, and is the owner that a launch waits for.
/// </summary>
/// <remarks>
/// Safe for several threads. While a launch waits, requests on it are done by the launching thread, one after the other; once the guest
/// runs, by whoever asks, one at a time. Who waits for its turn, behind a stop say, holds no thread.
/// </remarks>
public sealed class ControlledMachine : ILaunchOwner, IDisposable
{
    private const string HasEnded = "The guest has ended";

    private readonly Lock _lock = new();

    // Held while the machine or its firmware is used, so that neither is taken down meanwhile. Taken before the lock, never after it.
    private readonly SemaphoreSlim _machineGate = new(1);
    private readonly BlockingCollection<IOwnerRequest> _requests = [];
    private readonly StopSignal _stop;
    private GuestPlatform? _platform;
    private MeasuredLaunch? _launch;
    private IRunningMachine? _machine;
    private bool _isWaiting;
    private bool _isPauseWanted;
    private bool _isResetByHost;

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

        private set
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

    /// <summary>What clients are told without having asked.</summary>
    internal ControlEvents Events { get; } = new();

    /// <inheritdoc/>
    public void Meet(GuestPlatform platform)
    {
        lock (_lock)
        {
            _platform = platform;
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

        bool mayRun = false;
        try
        {
            Announce?.Invoke(launch);
            Wait(launch);
            mayRun = true;
        }
        finally
        {
            EndWaiting(mayRun);
        }
    }

    /// <inheritdoc/>
    public void Learn(SnpLaunchResult launch, SevFirmwareVersion firmware) => SnpLaunch = (launch, firmware);

    /// <summary>Takes the machine when it is built and about to run.</summary>
    /// <param name="machine">The machine; <see cref="End"/> comes before it is disposed.</param>
    public void Attach(IRunningMachine machine) => HoldMachine(() =>
    {
        _machine = machine;
        bool startsPaused;
        lock (_lock)
        {
            startsPaused = _isPauseWanted;
        }

        if (startsPaused)
        {
            _ = machine.Pause();
        }

        State = startsPaused ? VmState.Paused : VmState.Running;
        if (!startsPaused)
        {
            Events.Resumed();
        }
    });

    /// <summary>Says that the machine has ended; from now on nothing asks it for anything. Said again, it changes nothing.</summary>
    /// <param name="reason">Why.</param>
    public void End(StopReason reason) => HoldMachine(() =>
    {
        if (State == VmState.Shutdown)
        {
            return;
        }

        _machine = null;
        _platform = null;
        State = VmState.Shutdown;
        Events.Ended(reason, _isResetByHost);
    });

    /// <summary>Puts a secret into the guest, which waits for it.</summary>
    /// <param name="packet">The owner's packet.</param>
    /// <param name="target">First guest address, or null for the place that the guest has for it.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="QmpException">The launch does not wait.</exception>
    public Task<GpaRange> InjectSecretAsync(TransportPacket packet, Gpa? target) =>
        Request(new OwnerRequest<GpaRange>(launch => launch.Inject(packet, target)));

    /// <summary>Lets the guest run: one whose launch waits, or that stands still. It takes back a stop that came before the start.
    /// </summary>
    /// <exception cref="QmpException">The launch is to wait and is not measured yet, it ended before the guest ran, or the guest has
    /// ended.</exception>
    public async Task ContinueAsync()
    {
        Task letRun = Task.CompletedTask;
        await HoldMachineAsync(() =>
        {
            if (_machine is { } machine)
            {
                if (machine.Resume())
                {
                    State = VmState.Running;
                    Events.Resumed();
                }
                else if (machine.IsPaused)
                {
                    throw new QmpException(HasEnded);
                }

                return;
            }

            ThrowIfEnded();
            lock (_lock)
            {
                _isPauseWanted = false;
                if (_isWaiting)
                {
                    LetRunRequest request = new();
                    _requests.Add(request);
                    letRun = request.Done;
                }
                else if (_launch is null && WaitsForOwner)
                {
                    throw new QmpException("SEV: the launch is not measured yet");
                }
            }
        }).ConfigureAwait(false);
        await letRun.ConfigureAwait(false);
    }

    /// <summary>Has the guest stand still. One whose launch waits does already; one that is about to run begins so.</summary>
    /// <exception cref="QmpException">A thread of the machine did not stop, or the guest has ended.</exception>
    public Task PauseAsync() => HoldMachineAsync(() =>
    {
        if (_machine is not { } machine)
        {
            ThrowIfEnded();
            lock (_lock)
            {
                _isPauseWanted = true;
            }

            return;
        }

        try
        {
            if (machine.Pause())
            {
                State = VmState.Paused;
                Events.Stopped();
            }
            else if (!machine.IsPaused)
            {
                throw new QmpException(HasEnded);
            }
        }
        catch (Exception refused) when (refused is TimeoutException or KvmException)
        {
            throw new QmpException($"The guest goes on: {refused.Message}");
        }
    });

    /// <summary>Presses the power button of the guest that runs.</summary>
    /// <exception cref="QmpException">The guest does not run.</exception>
    public Task PressPowerButtonAsync() => UseAsync(machine =>
    {
        machine.PressPowerButton();
        Events.PoweredDown();
        return true;
    });

    /// <summary>Resets the machine, which is its end: whoever started it starts it again.</summary>
    /// <exception cref="QmpException">The guest does not run.</exception>
    public Task ResetAsync() => UseAsync(_ =>
    {
        _isResetByHost = _stop.Reason == StopReason.None;
        _stop.RequestStop(StopReason.Reset);
        return true;
    });

    /// <summary>Uses the machine, which is not taken down meanwhile.</summary>
    /// <typeparam name="T">What comes of it.</typeparam>
    /// <param name="use">Short, and for one client at a time.</param>
    /// <exception cref="QmpException">The guest does not run.</exception>
    internal Task<T> UseAsync<T>(Func<IRunningMachine, T> use) =>
        HoldMachineAsync(() => use(_machine ?? throw new QmpException("The guest does not run")));

    /// <summary>Asks the platform of a SEV guest for what its owner must know of it.</summary>
    /// <exception cref="QmpException">The guest is none of SEV's, or its launch is busy or over.</exception>
    internal Task<SevCapabilities> ReadCapabilitiesAsync() => AskFirmwareAsync((platform, _) => platform.ReadCapabilities());

    /// <summary>Has the firmware sign the guest's launch digest.</summary>
    /// <param name="nonce">16 bytes that the report repeats.</param>
    /// <exception cref="QmpException">The guest is none of SEV or SEV-ES, or its launch is busy or over.</exception>
    internal Task<byte[]> ReadAttestationReportAsync(byte[] nonce) => IsSnp
        ? throw new QmpException("SEV: the firmware gives a SEV-SNP guest's report to the guest alone")
        : AskFirmwareAsync((_, launch) => launch!.GetAttestationReport(nonce));

    /// <summary>Tells clients of the map, if it has changed since they were last told.</summary>
    internal Task TellOfMapAsync() => HoldMachineAsync(() =>
    {
        if (_machine is { } machine)
        {
            Events.MapMayHaveChanged(machine.SharedRegions);
        }
    });

    /// <summary>Ends the machine.</summary>
    internal void Quit() => _stop.RequestStop(StopReason.Quit);

    /// <inheritdoc/>
    public void Dispose()
    {
        _requests.Dispose();
        _machineGate.Dispose();
    }

    private void HoldMachine(Action work)
    {
        _machineGate.Wait();
        try
        {
            work();
        }
        finally
        {
            _machineGate.Release();
        }
    }

    private async Task HoldMachineAsync(Action work) => _ = await HoldMachineAsync(() =>
    {
        work();
        return true;
    }).ConfigureAwait(false);

    private async Task<T> HoldMachineAsync<T>(Func<T> work)
    {
        await _machineGate.WaitAsync().ConfigureAwait(false);
        try
        {
            return work();
        }
        finally
        {
            _machineGate.Release();
        }
    }

    private void ThrowIfEnded()
    {
        if (State == VmState.Shutdown)
        {
            throw new QmpException(HasEnded);
        }
    }

    private async Task<T> AskFirmwareAsync<T>(Func<GuestPlatform, MeasuredLaunch?, T> ask)
    {
        if (Mode == SevMode.None)
        {
            throw new QmpException("SEV is not enabled");
        }

        Task<T> answer = await HoldMachineAsync(() =>
        {
            GuestPlatform? platform;
            MeasuredLaunch? launch;
            lock (_lock)
            {
                platform = _platform;
                launch = _launch;
                if (platform is not null && _isWaiting)
                {
                    var request = new OwnerRequest<T>(waiting => ask(platform, waiting));
                    _requests.Add(request);
                    return request.Done;
                }
            }

            return _machine is not null && platform is not null
                ? Task.FromResult(ask(platform, launch))
                : throw new QmpException("SEV: the firmware is busy with the launch, or the guest has ended");
        }).ConfigureAwait(false);
        return await answer.ConfigureAwait(false);
    }

    private Task<T> Request<T>(OwnerRequest<T> request)
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
            IOwnerRequest? request;
            try
            {
                // Patience is over when it is over, also for a client that asks without end.
                int rest = Remaining(start);
                if (rest == 0 || !_requests.TryTake(out request, rest, _stop.Token))
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

    private void EndWaiting(bool mayRun)
    {
        lock (_lock)
        {
            _isWaiting = false;
            while (_requests.TryTake(out IOwnerRequest? late))
            {
                late.AnswerLate(mayRun);
            }
        }
    }
}
