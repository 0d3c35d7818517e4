using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>A terminal in raw mode: every key reaches the guest. Restored by <see cref="Dispose"/> and by the end of the process.</summary>
/// <remarks>
/// Also by the signals that end a process, as soon as they arrive: natively compiled programs do not run their exit handlers then.
/// SIGKILL and a fatal error of the runtime leave the terminal as it is; <c>stty sane</c> helps then.
/// </remarks>
public sealed unsafe class TerminalMode : IDisposable
{
    private const nuint GetWindowSize = 0x5413; // TIOCGWINSZ
    private const int Now = 0;
    private const uint ProcessOutput = 1;

    private static readonly PosixSignal[] EndingSignals =
        [PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM];

    private readonly PosixSignalRegistration[] _registrations;
    private readonly int _fd;
    private readonly Termios _saved;
    private int _isRestored;

    private TerminalMode(int fd, Termios saved)
    {
        _fd = fd;
        _saved = saved;
        _registrations = Array.ConvertAll(EndingSignals, signal => PosixSignalRegistration.Create(signal, _ => Restore()));
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException += OnUnhandledException;
    }

    /// <summary>Whether a descriptor is a terminal.</summary>
    /// <param name="fd">An open descriptor.</param>
    public static bool IsTerminal(int fd) => Mono.Unix.Native.Syscall.isatty(fd);

    /// <summary>Asks a terminal for its size.</summary>
    /// <param name="fd">An open descriptor.</param>
    /// <returns>Columns and rows; null if this is no terminal, or one that does not know.</returns>
    public static (ushort Columns, ushort Rows)? ReadSize(int fd)
    {
        ushort* size = stackalloc ushort[4]; // rows, columns, and two that are not used

        // SAFETY: TIOCGWINSZ writes the 8 bytes of a struct winsize.
        return LibC.IoctlRaw(fd, GetWindowSize, (nuint)size) == 0 && size[0] > 0 && size[1] > 0 ? (size[1], size[0]) : null;
    }

    /// <summary>Sends every key to the program unchanged and unechoed, Ctrl-C included; output keeps its line-end processing.</summary>
    /// <param name="fd">An open descriptor, which must stay open until the terminal is restored.</param>
    /// <returns>The way back; null if this is no terminal, or if the process is in the background, where a change would stop it.</returns>
    /// <exception cref="KvmException">The terminal refused the mode.</exception>
    public static TerminalMode? TryEnterRaw(int fd)
    {
        if (!IsTerminal(fd))
        {
            return null;
        }

        // A terminal that does not control this process has no foreground group for it, and cannot stop it.
        int foreground = LibC.GetForegroundProcessGroup(fd);
        if (foreground != -1 && foreground != Mono.Unix.Native.Syscall.getpgrp())
        {
            return null;
        }

        Termios saved = default;

        // SAFETY: the C library writes 60 bytes to a local variable of that size.
        if (LibC.GetTerminalAttributes(fd, &saved) != 0)
        {
            throw KvmException.FromErrno("tcgetattr", Marshal.GetLastPInvokeError());
        }

        Termios raw = saved;

        // SAFETY: works on a local variable.
        LibC.MakeRaw(&raw);

        // Log lines of the monitor share the terminal and end in a bare line feed.
        raw.OutputFlags |= saved.OutputFlags & ProcessOutput;
        TerminalMode mode = new(fd, saved);

        // SAFETY: the C library reads 60 bytes from a local variable of that size.
        if (LibC.SetTerminalAttributes(fd, Now, &raw) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            mode.Dispose();
            throw KvmException.FromErrno("tcsetattr", errno);
        }

        return mode;
    }

    /// <summary>Puts the terminal back as it was. Does nothing the second time, and never throws: the terminal may be gone.</summary>
    public void Dispose()
    {
        Restore();
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException -= OnUnhandledException;
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void OnProcessExit(object? sender, EventArgs e) => Restore();

    private void OnUnhandledException(object? sender, UnhandledExceptionEventArgs e) => Restore();

    private void Restore()
    {
        if (Interlocked.Exchange(ref _isRestored, 1) == 0)
        {
            Termios saved = _saved;

            // SAFETY: the C library reads 60 bytes from a local variable of that size.
            _ = LibC.SetTerminalAttributes(_fd, Now, &saved);
        }
    }
}
