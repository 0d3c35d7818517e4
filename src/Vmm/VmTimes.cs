namespace KvmSevVmm.Vmm;

/// <summary>
/// When things happened, on the monotonic clock, counted from the program's entry; the event log counts from the same moment.
/// </summary>
public sealed record VmTimes
{
    /// <summary>Wall-clock time, UTC, of the program's entry; only for people to find the run by.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The machine began to be built.</summary>
    public required TimeSpan Start { get; init; }

    /// <summary>The first KVM_RUN; null if there was none.</summary>
    public TimeSpan? FirstRun { get; init; }

    /// <summary>The guest's first byte on its console; null if it sent none.</summary>
    public TimeSpan? FirstConsoleByte { get; init; }

    /// <summary>The console matched <c>--until</c>; null if it did not.</summary>
    public TimeSpan? UntilMatched { get; init; }

    /// <summary>The last vCPU had stopped; with no vCPU, the moment at which that was given up.</summary>
    public required TimeSpan End { get; init; }
}
