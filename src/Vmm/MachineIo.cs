using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm;

/// <summary>What a machine reads from and writes to. But for the event log it stays the caller's.</summary>
/// <param name="Output">Takes the guest's bytes as they are; unbuffered. <see cref="Stream.Null"/> for nowhere.</param>
/// <param name="Input">Where the guest's input comes from, or null for none.</param>
/// <param name="Messages">Takes the words for the person at the terminal (Ctrl-A H), never the guest's bytes.</param>
/// <param name="EventLog">Takes the event log as JSON lines, or null for none. The machine closes it.</param>
/// <param name="StartTimestamp">Stopwatch time stamp that the event log counts from.</param>
public sealed record MachineIo(Stream Output, IConsoleSource? Input, TextWriter Messages, Stream? EventLog, long StartTimestamp)
{
    /// <summary>What ends the machine, for who may want to end it before it is built.</summary>
    public required StopSignal Stop { get; init; }

    /// <summary>Who looks at the launch.</summary>
    public LaunchWatcher Launch { get; init; } = LaunchWatcher.None;

    /// <summary>Takes what the guest writes to the debug console's port; null for a machine without one.</summary>
    public Stream? DebugConsole { get; init; }

    /// <summary>Takes what the guest writes to its virtio console; unbuffered. Used exactly when the machine has one.</summary>
    public Stream VirtioConsole { get; init; } = Stream.Null;

    /// <summary>Whether <see cref="Input"/> goes to the virtio console and not to the serial port.</summary>
    public bool IsInputForVirtioConsole { get; init; }

    /// <summary>Columns and rows of the terminal behind <see cref="VirtioConsole"/>; null when there is none.</summary>
    public (ushort Columns, ushort Rows)? VirtioConsoleSize { get; init; }
}
