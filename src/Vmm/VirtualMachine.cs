using System.Diagnostics;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;
using Serilog;

namespace KvmSevVmm.Vmm;

/// <summary>A virtual machine that is ready to run, runs once, and is disposed.</summary>
/// <remarks>Made by <see cref="VirtualMachineBuilder"/>. <see cref="RequestStop"/> may be called from any thread at any time.</remarks>
public sealed class VirtualMachine : IMachineControl, IRunningMachine, IVcpuObserver, IDisposable
{
    /// <summary>How long a vCPU may take to leave the guest after a kick; more is a bug of the monitor or the kernel.</summary>
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(30);

    /// <summary>How long a reader of the console that does not read may hold up the end.</summary>
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(2);

    private readonly MachineParts _parts;
    private readonly OwnedResources _resources;
    private readonly ILogger _log;
    private readonly StopSignal _stop;
    private readonly MachineRegions _regions;
    private readonly List<VcpuThread> _threads = [];
    private readonly RunControl _run;
    private CrashReport? _crashReport;
    private Exception? _failure;

    internal VirtualMachine(MachineParts parts, OwnedResources resources, ILogger log)
    {
        _parts = parts;
        _resources = resources;
        _log = log;
        _stop = parts.Stop;
        _regions = new MachineRegions(parts);
        foreach (KvmVcpu vcpu in parts.Vcpus)
        {
            int index = (int)vcpu.Id;
            PrivateLocalApic? privateApic = parts.PrivateApics.IsEmpty ? null : parts.PrivateApics[index];
            var dispatcher = new ExitDispatcher(index, parts.Ports, parts.Mmio, parts.MapGpaRange, parts.Msrs, _stop, privateApic);
            _threads.Add(_resources.Add(new VcpuThread(vcpu, dispatcher, this)));
        }

        _run = new RunControl(parts, _threads, log);
    }

    /// <inheritdoc/>
    public SharedRegionTracker SharedRegions => _parts.Tracker;

    /// <inheritdoc/>
    public bool IsPaused => _run.IsPaused;

    /// <inheritdoc/>
    public void RequestStop(StopReason reason, int guestCode = 0) => _stop.RequestStop(reason, guestCode);

    /// <summary>Tells the guest that the terminal behind its virtio console has another size, from any thread.</summary>
    /// <param name="columns">Characters of a line.</param>
    /// <param name="rows">Lines.</param>
    public void ResizeVirtioConsole(ushort columns, ushort rows) => _parts.VirtioConsole?.Device.Resize(columns, rows);

    /// <inheritdoc/>
    public void PressPowerButton() => _parts.PowerButton.Press();

    /// <inheritdoc/>
    public bool Pause() => _run.Pause();

    /// <inheritdoc/>
    public bool Resume() => _run.Resume();

    /// <inheritdoc/>
    public SharedRegionMap TakeMap() => _run.With(_regions.Snapshot);

    /// <inheritdoc/>
    public MachineStatus Observe() => new()
    {
        Mode = _parts.Mode,
        IsPaused = IsPaused,
        GuestMemoryBytes = _parts.Memory.Layout.MemoryBytes,
        Vcpus =
        [
            .. _threads.Select(static (thread, index) => new VcpuStatus(index, thread.ThreadId, ExitWords.Sum([thread.Statistics]))),
        ],
        Hypercalls = _parts.MapGpaRange.Statistics.ToCounts(),
        Pages = _parts.Tracker.Totals,
        Generation = _parts.Tracker.Generation,
        UnclaimedPortAccesses = (ulong)_parts.Ports.UnclaimedAccesses,
        UnclaimedMmioAccesses = (ulong)_parts.Mmio.UnclaimedAccesses,
        Devices = _parts.Virtio.Describe(),
        LatestViolations = _parts.Virtio.GetLatestViolations(),
        IsMigrationReady = _parts.MigrationControl.IsReady,
        WasMigrationReady = _parts.MigrationControl.WasReported,
    };

    /// <summary>Runs the guest until something stops it, and tears its threads down.</summary>
    /// <returns>How it ended.</returns>
    public MachineOutcome Run()
    {
        if (_parts.IsLaunchOnly)
        {
            RequestStop(StopReason.Launched);
            return CreateOutcome(Stopwatch.GetTimestamp());
        }

        _regions.LogMachine();
        _parts.Events?.Lifecycle("start", $"mode {SevModeWords.WordFor(_parts.Mode)}");
        _parts.ConsoleOutput.Start();
        _parts.VirtioConsole?.Output.Start();
        _parts.ConsoleInput?.Start();
        _parts.Virtio.Start();
        foreach (VcpuThread thread in _threads)
        {
            thread.Start();
        }

        _run.Begin();
        if (!_stop.Wait(_parts.Timeout ?? Timeout.InfiniteTimeSpan))
        {
            RequestStop(StopReason.Timeout);
        }

        StopThreads();
        long ended = Stopwatch.GetTimestamp();
        _parts.ConsoleInput?.Stop(FlushLimit);
        _parts.ConsoleOutput.Stop(FlushLimit);
        _parts.VirtioConsole?.Output.Stop(FlushLimit);
        _regions.LogKnown();
        _parts.Events?.Lifecycle("stop", StopReasonWords.WordFor(GetReason()));
        WarnOfLostConsole();
        _parts.Events?.Flush();
        return CreateOutcome(ended);
    }

    /// <summary>Puts together what is known of a run that has ended.</summary>
    /// <param name="outcome">How it ended.</param>
    /// <param name="times">When things happened.</param>
    public VmResult Describe(MachineOutcome outcome, VmTimes times) => new()
    {
        Mode = _parts.Mode,
        CBitPosition = _parts.CBitPosition,
        Reason = outcome.Failure is null ? outcome.Reason : StopReason.MonitorError,
        GuestCode = outcome.Reason is StopReason.DebugExit or StopReason.SevTermination ? (uint)outcome.GuestCode : null,
        Detail = outcome.Reason == StopReason.SevTermination
            ? GhcbTermination.Describe((uint)outcome.GuestCode)
            : outcome.CrashReport?.Explanation,
        CrashReport = outcome.CrashReport?.State,
        Failure = outcome.Failure,
        Times = times,
        ExitsByKind = ExitWords.Sum(outcome.Vcpus),
        Hypercalls = _parts.MapGpaRange.Statistics.ToCounts(),
        UnclaimedPortAccesses = (ulong)_parts.Ports.UnclaimedAccesses,
        UnclaimedMmioAccesses = (ulong)_parts.Mmio.UnclaimedAccesses,
        UnknownMsrs = _parts.Msrs.UnknownMsrs,
        Map = _regions.Snapshot(isStill: true),
        Devices = _parts.Virtio.Describe(),
        MigrationReady = _parts.MigrationControl.IsReady,
        WasMigrationReady = _parts.MigrationControl.WasReported,
        PeakRssBytes = ResidentMemory.MeasurePeakBesideGuest(_parts.Memory),
        GuestMemoryBytes = _parts.Memory.Layout.MemoryBytes,
        LaunchMeasurement = _parts.Launch is { } measured
            ? (ReadOnlyMemory<byte>)measured.Measurement.Bytes.ToArray()
            : (ReadOnlyMemory<byte>?)null,
        LaunchDigest = _parts.Launch?.LaunchDigest ?? _parts.SnpLaunch?.Digest,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        StopThreads();
        _resources.Dispose();
    }

    /// <summary>The earlier of two time stamps of which 0 means never.</summary>
    private static long Earlier(long left, long right) => left == 0 || right == 0 ? Math.Max(left, right) : Math.Min(left, right);

    void IVcpuObserver.OnVcpuStopped(KvmVcpu vcpu, VcpuExit exit)
    {
        // The dispatcher has given the reason already; the report is for those that end in a crash.
        if (_stop.Reason is StopReason.Crash or StopReason.Shutdown or StopReason.Halted)
        {
            _crashReport ??= CrashReport.Create(vcpu, exit, _parts.Memory, _parts.Mode, _parts.CBitPosition);
        }
    }

    void IVcpuObserver.OnVcpuFailed(int vcpuIndex, Exception failure)
    {
        _log.Error(failure, "vCPU {Index} failed", vcpuIndex);
        _failure ??= failure;
        RequestStop(StopReason.MonitorError);
    }

    /// <summary>
    /// What counts as the reason. Output that a guest sent just before it ended itself is matched after its end: the match still counts.
    /// </summary>
    private StopReason GetReason() =>
        UntilMatchedTimestamp != 0
        && _stop.Reason is StopReason.PowerOff or StopReason.Reset or StopReason.DebugExit or StopReason.Shutdown or StopReason.Halted
            ? StopReason.UntilMatched
            : _stop.Reason;

    private long UntilMatchedTimestamp =>
        Earlier(_parts.ConsoleMatcher?.MatchTimestamp ?? 0, _parts.VirtioConsole?.Matcher?.MatchTimestamp ?? 0);

    private MachineOutcome CreateOutcome(long ended) => new()
    {
        Reason = GetReason(),
        GuestCode = _stop.GuestCode,
        CrashReport = _crashReport,
        Failure = _failure ?? _parts.DeviceFailures.First ?? _parts.Events?.Failure,
        ConsoleFailure = _parts.ConsoleOutput.Failure,
        VirtioConsoleFailure = _parts.VirtioConsole?.Output.Failure,
        EndedTimestamp = ended,
        FirstConsoleByteTimestamp =
            Earlier(_parts.ConsoleOutput.FirstByteTimestamp, _parts.VirtioConsole?.Output.FirstByteTimestamp ?? 0),
        UntilMatchedTimestamp = UntilMatchedTimestamp,
        Vcpus = [.. _threads.Select(static thread => thread.Statistics)],
    };

    private void WarnOfLostConsole()
    {
        WarnOfLost("console", _parts.ConsoleOutput.DroppedBytes, _parts.ConsoleOutput);
        if (_parts.VirtioConsole is { } console)
        {
            WarnOfLost("virtio console", console.Output.DroppedBytes + console.Device.DroppedBytes, console.Output);
        }

        long givenUp = (_parts.ConsoleMatcher?.GivenUpCount ?? 0) + (_parts.VirtioConsole?.Matcher?.GivenUpCount ?? 0);
        if (givenUp > 0)
        {
            _log.Warning("{Count} looks for --until took too long and were given up", givenUp);
        }
    }

    private void WarnOfLost(string name, long bytes, ConsoleOutput output)
    {
        if (bytes > 0)
        {
            string cause = output.Failure?.Message ?? "nobody took them in time";
            _log.Warning("{Bytes} bytes of the guest's {Console} were lost: {Cause}", bytes, name, cause);
        }
    }

    private void StopThreads()
    {
        _run.End();
        foreach (VcpuThread thread in _threads)
        {
            if (!thread.Join(JoinLimit))
            {
                // Unmapping memory under a running vCPU would be worse than ending here.
                Environment.FailFast("a vCPU did not leave the guest within 30 s of its kick");
            }
        }
    }
}
