using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>A counter in the kernel that wakes who waits for it: a doorbell, an interrupt line, a stop signal.</summary>
public sealed unsafe class EventFd : FdHandle
{
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

    private EventFd(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Makes a counter; reads never block.</summary>
    /// <param name="initialValue">What the counter starts with.</param>
    /// <exception cref="KvmException">eventfd(2) failed: too many open files, or no memory.</exception>
    public static EventFd Create(uint initialValue = 0)
    {
        int fd = LibC.EventFd(initialValue, NonBlocking | CloseOnExec);
        return fd >= 0 ? new EventFd(fd) : throw KvmException.FromErrno("eventfd", Marshal.GetLastPInvokeError());
    }

    /// <summary>Adds 1 to the counter and wakes who waits. At its maximum the counter stays as it is: the waiter is awake anyway.</summary>
    /// <exception cref="KvmException">write(2) failed.</exception>
    public void Signal()
    {
        ulong one = 1;
        while (true)
        {
            // SAFETY: the kernel reads 8 bytes from a local variable.
            if (LibC.Write(this, &one, sizeof(ulong)) == sizeof(ulong))
            {
                return;
            }

            int errno = Marshal.GetLastPInvokeError();
            if (errno == (int)Errno.EAGAIN)
            {
                return;
            }

            if (errno != (int)Errno.EINTR)
            {
                throw KvmException.FromErrno("write(eventfd)", errno);
            }
        }
    }

    /// <summary>Takes the counter's value and sets it to 0.</summary>
    /// <param name="count">How often <see cref="Signal"/> was called since the last read.</param>
    /// <returns>Whether the counter was above 0.</returns>
    /// <exception cref="KvmException">read(2) failed.</exception>
    public bool TryRead(out ulong count)
    {
        ulong value = 0;
        while (true)
        {
            // SAFETY: the kernel writes 8 bytes to a local variable.
            if (LibC.Read(this, &value, sizeof(ulong)) == sizeof(ulong))
            {
                count = value;
                return true;
            }

            int errno = Marshal.GetLastPInvokeError();
            if (errno == (int)Errno.EAGAIN)
            {
                count = 0;
                return false;
            }

            if (errno != (int)Errno.EINTR)
            {
                throw KvmException.FromErrno("read(eventfd)", errno);
            }
        }
    }
}
