using System.Collections.Immutable;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm;

/// <summary>How a run of a machine ended.</summary>
public sealed record MachineOutcome
{
    /// <summary>Why it ended.</summary>
    public required StopReason Reason { get; init; }

    /// <summary>The guest's own code, for <see cref="StopReason.DebugExit"/>.</summary>
    public required int GuestCode { get; init; }

    /// <summary>What is known of a crash, or null.</summary>
    public required CrashReport? CrashReport { get; init; }

    /// <summary>What failed, for <see cref="StopReason.MonitorError"/>, else null.</summary>
    public required Exception? Failure { get; init; }

    /// <summary>Stopwatch time stamp of the first KVM_RUN, 0 when there was none.</summary>
    public long FirstRunTimestamp =>
        Vcpus.Select(static vcpu => vcpu.FirstRunTimestamp).Where(static timestamp => timestamp != 0).DefaultIfEmpty().Min();

    /// <summary>Stopwatch time stamp when the last vCPU thread had ended.</summary>
    public required long EndedTimestamp { get; init; }

    /// <summary>Why the serial port's output could not be written to its end, else null.</summary>
    public required Exception? ConsoleFailure { get; init; }

    /// <summary>The same of the virtio console.</summary>
    public Exception? VirtioConsoleFailure { get; init; }

    /// <summary>Stopwatch time stamp of the guest's first byte on its console, 0 for none.</summary>
    public required long FirstConsoleByteTimestamp { get; init; }

    /// <summary>Stopwatch time stamp at which the console matched, 0 for never.</summary>
    public required long UntilMatchedTimestamp { get; init; }

    /// <summary>What each vCPU has done.</summary>
    public required ImmutableArray<VcpuStatistics> Vcpus { get; init; }
}
