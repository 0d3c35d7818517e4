using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm.Sev;
using Serilog;

namespace KvmSevVmm.Cli.Commands;

/// <summary>
/// What a running machine writes to, and who may stop it. Opened by <c>run</c> before the guest starts and closed by it at the end.
/// </summary>
/// <param name="EventLog">For <see cref="Vmm.EventLog"/>, which may own it; null when no event log was asked for. Unbuffered.</param>
/// <param name="Serial">Where the first serial port goes. <see cref="SerialKind.Tty"/> takes its input from stdin, raw already where that
/// is a terminal.</param>
/// <param name="SerialOutput">Takes the bytes that the guest sends; null for <see cref="SerialKind.Off"/>. Unbuffered; not the machine's to
/// close.</param>
/// <param name="Stop">To be attached to the machine once it can be stopped, and detached before it is taken down.</param>
/// <param name="StartTimestamp">The program's entry, as Stopwatch ticks: the zero of <see cref="Vmm.VmTimes"/> and of the event
/// log.</param>
/// <param name="StartedAt">The same moment on the wall clock, for <see cref="Vmm.VmTimes.StartedAt"/>.</param>
/// <param name="Log">For words about the machine.</param>
internal sealed record RunOutputs(
    Stream? EventLog,
    SerialTarget Serial,
    Stream? SerialOutput,
    StopRelay Stop,
    long StartTimestamp,
    DateTimeOffset StartedAt,
    ILogger Log)
{
    /// <summary>Where the virtio console goes; <see cref="SerialKind.Tty"/> takes its input from stdin, and then the serial port does not.
    /// </summary>
    internal SerialTarget Console { get; init; } = new(SerialKind.Off, null);

    /// <summary>Takes the bytes that the guest sends to its virtio console; null for <see cref="SerialKind.Off"/>. Unbuffered.</summary>
    internal Stream? ConsoleOutput { get; init; }

    /// <summary>Columns and rows of the terminal; null when there is none.</summary>
    internal Func<(ushort Columns, ushort Rows)?> ReadTerminalSize { get; init; } = static () => null;

    /// <summary>Takes what the guest writes to the debug console's port; null for a machine without one.</summary>
    internal Stream? DebugConsole { get; init; }

    /// <summary>Takes the metrics while the guest runs; null when none were asked for.</summary>
    internal MetricsFile? Metrics { get; init; }

    /// <summary>Takes the launch bundle as soon as the launch is measured; null when none was asked for.</summary>
    internal Action<LaunchBundle>? TakeBundle { get; init; }

    /// <summary>The same of a SEV-SNP guest, as soon as it is launched.</summary>
    internal Action<SnpLaunchBundle>? TakeSnpBundle { get; init; }

    /// <summary>
    /// Sends the keys of the terminal to the guest, when it runs; null where they go there already. A launch that waits for its owner
    /// leaves them alone, so that Ctrl-C ends it.
    /// </summary>
    internal Func<IDisposable?>? EnterRawTerminal { get; init; }
}
