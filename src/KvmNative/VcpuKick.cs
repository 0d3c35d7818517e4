using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Brings a vCPU's thread out of KVM_RUN, from any thread, without a managed signal handler and without ever being lost.</summary>
/// <remarks>
/// The signal is blocked in the vCPU's thread and open only inside KVM_RUN, so it either ends the run or stays pending and ends
/// the next one; immediate_exit covers the moment between. A native handler that does nothing is installed as well: without it
/// the default action of a signal sent to the whole process (<c>kill -36</c>) would end the program.
/// </remarks>
public sealed unsafe class VcpuKick : IDisposable
{
    private const int Block = 0;
    private const int Unblock = 1;
    private const int RestartCalls = 0x10000000;

    private static readonly Lock HandlerLock = new();
    private static bool _isHandlerInstalled;

    private readonly VcpuHandle _vcpu;
    private readonly Lock _lock = new();
    private readonly int _ownerThread;
    private readonly int _threadId;
    private readonly bool _wasBlocked;
    private int _isRequested;
    private bool _isGone;

    private VcpuKick(VcpuHandle vcpu, bool wasBlocked)
    {
        _vcpu = vcpu;
        _wasBlocked = wasBlocked;
        _ownerThread = Environment.CurrentManagedThreadId;
        _threadId = LibC.GetThreadId();
    }

    /// <summary>The signal that kicks: SIGRTMIN + 2. The runtime itself uses SIGRTMIN.</summary>
    public static int SignalNumber { get; } = LibC.FirstRealTimeSignal() + 2;

    /// <summary>The kernel's number of the thread that runs the vCPU.</summary>
    public int ThreadId => _threadId;

    private static ulong SignalBit => 1UL << (SignalNumber - 1);

    /// <summary>Prepares the calling thread, which must be the one that runs the vCPU, for kicks.</summary>
    /// <param name="vcpu">The vCPU. From now on every signal but the kick stays blocked while it runs.</param>
    /// <exception cref="KvmException">The signal mask could not be set.</exception>
    /// <exception cref="InvalidOperationException">Somebody else handles the signal.</exception>
    /// <remarks>Threads that this thread starts inherit its mask: start helpers elsewhere.</remarks>
    public static VcpuKick AttachCurrentThread(KvmVcpu vcpu)
    {
        InstallHandler();
        SignalSet kick = new() { Bits = SignalBit };
        SignalSet old = default;

        // SAFETY: the C library reads and writes 128 bytes of local variables of that size.
        ThrowIfFailed(LibC.SetThreadSignalMask(Block, &kick, &old));
        VcpuKick result = new(vcpu.Handle, (old.Bits & SignalBit) != 0);
        try
        {
            vcpu.SetSignalMask(~SignalBit);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Makes the vCPU's current or next run end with Interrupted. Any thread; does nothing after the thread has gone.</summary>
    /// <remarks>Write what the vCPU's thread shall do before the call. Several kicks before it looks are one.</remarks>
    /// <exception cref="KvmException">tgkill(2) failed in another way than by not finding the thread.</exception>
    public void Kick()
    {
        // A full fence: what the caller wrote before is seen by whoever takes this request.
        if (Interlocked.Exchange(ref _isRequested, 1) != 0)
        {
            return;
        }

        // The lock keeps Dispose, and with it the end of the thread, from passing between the check and the signal.
        lock (_lock)
        {
            if (_isGone)
            {
                return;
            }

            try
            {
                Interrupt();
            }
            catch
            {
                // Nobody was woken: the next kick must try again.
                Volatile.Write(ref _isRequested, 0);
                throw;
            }
        }
    }

    /// <summary>Takes the kick, on the vCPU's thread, after a run ended with Interrupted. Then look what is to be done.</summary>
    /// <returns>Whether there was a kick; false is normal: the signal of an earlier one may arrive late.</returns>
    /// <exception cref="InvalidOperationException">Another thread than the vCPU's.</exception>
    public bool Acknowledge()
    {
        if (Environment.CurrentManagedThreadId != _ownerThread)
        {
            throw new InvalidOperationException("Only the vCPU's own thread can acknowledge a kick.");
        }

        Drain();
        bool added = false;
        try
        {
            _vcpu.DangerousAddRef(ref added);

            // SAFETY: the memory stays mapped while the reference is held.
            Volatile.Write(ref _vcpu.Run->ImmediateExit, 0);
        }
        finally
        {
            if (added)
            {
                _vcpu.DangerousRelease();
            }
        }

        // A full fence, and the order that loses nothing: a kick that comes before this line is taken by it, one that comes after
        // it finds no request and signals anew.
        return Interlocked.Exchange(ref _isRequested, 0) != 0;
    }

    /// <summary>Ends the attachment; later kicks do nothing. Best called on the vCPU's thread, as the last thing it does.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isGone)
            {
                return;
            }

            _isGone = true;
        }

        if (Environment.CurrentManagedThreadId == _ownerThread)
        {
            Drain();
            if (!_wasBlocked)
            {
                SignalSet kick = new() { Bits = SignalBit };

                // SAFETY: the C library reads 128 bytes of a local variable of that size. The arguments are valid, so it cannot fail.
                _ = LibC.SetThreadSignalMask(Unblock, &kick, null);
            }
        }
    }

    private static void InstallHandler()
    {
        lock (HandlerLock)
        {
            if (_isHandlerInstalled)
            {
                return;
            }

            // abs takes an int, touches nothing and may be called in any signal context; a managed handler may not.
            SignalAction action = new()
            {
                Handler = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "abs"),
                Flags = RestartCalls,
            };
            SignalAction old = default;

            // SAFETY (both): the C library reads and writes 152 bytes of local variables of that size; the handler is code of the C
            // library, which is never unloaded.
            if (LibC.SetSignalAction(SignalNumber, null, &old) != 0)
            {
                throw KvmException.FromErrno("sigaction", Marshal.GetLastPInvokeError());
            }

            if (old.Handler != 0)
            {
                throw new InvalidOperationException($"Signal {SignalNumber} is handled by another part of this process.");
            }

            if (LibC.SetSignalAction(SignalNumber, &action, null) != 0)
            {
                throw KvmException.FromErrno("sigaction", Marshal.GetLastPInvokeError());
            }

            _isHandlerInstalled = true;
        }
    }

    private static void Drain()
    {
        SignalSet kick = new() { Bits = SignalBit };
        TimeSpec now = default;

        // SAFETY: the C library reads local variables; no information about the signal is asked for. A failure is EAGAIN, no more
        // signals, or EINTR, for which the signal simply ends the next run.
        while (LibC.WaitForSignal(&kick, null, &now) > 0)
        {
        }
    }

    private static void ThrowIfFailed(int errno)
    {
        if (errno != 0)
        {
            throw KvmException.FromErrno("pthread_sigmask", errno);
        }
    }

    private void Interrupt()
    {
        bool added = false;
        try
        {
            _vcpu.DangerousAddRef(ref added);

            // SAFETY: the memory stays mapped while the reference is held; the kernel reads the byte on its way into the guest.
            Volatile.Write(ref _vcpu.Run->ImmediateExit, 1);
        }
        catch (ObjectDisposedException)
        {
            return;
        }
        finally
        {
            if (added)
            {
                _vcpu.DangerousRelease();
            }
        }

        if (LibC.SignalThread(Environment.ProcessId, _threadId, SignalNumber) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != (int)Errno.ESRCH)
            {
                throw KvmException.FromErrno("tgkill", errno);
            }
        }
    }
}
