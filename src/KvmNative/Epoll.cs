using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Waits for many descriptors at once.</summary>
public sealed unsafe class Epoll : FdHandle
{
    private const int CloseOnExec = 0x80000;
    private const int OperationAdd = 1;
    private const int OperationDelete = 2;
    private const int OperationModify = 3;

    private Epoll(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Makes an empty set.</summary>
    /// <exception cref="KvmException">epoll_create1(2) failed.</exception>
    public static Epoll Create()
    {
        int fd = LibC.EpollCreate(CloseOnExec);
        return fd >= 0 ? new Epoll(fd) : throw KvmException.FromErrno("epoll_create1", Marshal.GetLastPInvokeError());
    }

    /// <summary>Starts to watch a descriptor. Remove it before it is closed.</summary>
    /// <param name="fd">An eventfd, socket, pipe or terminal; a regular file gives EPERM.</param>
    /// <param name="events">What to wait for.</param>
    /// <param name="data">What <see cref="Wait"/> gives back with each event.</param>
    /// <exception cref="KvmException">epoll_ctl(2) failed.</exception>
    public void Add(SafeHandle fd, EpollEvents events, ulong data) => Control(OperationAdd, fd, new EpollEvent(events, data));

    /// <summary>Starts to watch one of the descriptors the process was started with.</summary>
    /// <param name="fd">0, 1, 2 or another inherited descriptor, which must stay open.</param>
    /// <param name="events">What to wait for.</param>
    /// <param name="data">What <see cref="Wait"/> gives back with each event.</param>
    /// <exception cref="KvmException">epoll_ctl(2) failed; EPERM for a regular file, which is always ready.</exception>
    public void Add(int fd, EpollEvents events, ulong data) => Control(OperationAdd, fd, new EpollEvent(events, data));

    /// <summary>Changes what is waited for.</summary>
    /// <param name="fd">A descriptor in the set.</param>
    /// <param name="events">What to wait for from now on.</param>
    /// <param name="data">What <see cref="Wait"/> gives back with each event.</param>
    /// <exception cref="KvmException">epoll_ctl(2) failed; ENOENT if the descriptor is not in the set.</exception>
    public void Modify(SafeHandle fd, EpollEvents events, ulong data) => Control(OperationModify, fd, new EpollEvent(events, data));

    /// <summary>Stops watching a descriptor.</summary>
    /// <param name="fd">A descriptor in the set.</param>
    /// <exception cref="KvmException">epoll_ctl(2) failed; ENOENT if the descriptor is not in the set.</exception>
    public void Remove(SafeHandle fd) => Control(OperationDelete, fd, default);

    /// <summary>Stops watching an inherited descriptor.</summary>
    /// <param name="fd">A descriptor in the set.</param>
    /// <exception cref="KvmException">epoll_ctl(2) failed; ENOENT if the descriptor is not in the set.</exception>
    public void Remove(int fd) => Control(OperationDelete, fd, default);

    /// <summary>Waits until something happens. Allocates nothing.</summary>
    /// <param name="events">Where the events go; at least one entry.</param>
    /// <param name="timeoutMs">Milliseconds to wait; 0 only looks, -1 waits without end.</param>
    /// <returns>The number of events; 0 after the time-out or an interruption by a signal.</returns>
    /// <exception cref="KvmException">epoll_wait(2) failed.</exception>
    public int Wait(Span<EpollEvent> events, int timeoutMs)
    {
        // SAFETY: the kernel writes at most events.Length entries, and the span stays pinned meanwhile.
        fixed (EpollEvent* buffer = events)
        {
            int count = LibC.EpollWait(this, buffer, events.Length, timeoutMs);
            if (count >= 0)
            {
                return count;
            }
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == (int)Errno.EINTR ? 0 : throw KvmException.FromErrno("epoll_wait", errno);
    }

    private static void ThrowIfFailed(int result)
    {
        if (result != 0)
        {
            throw KvmException.FromErrno("epoll_ctl", Marshal.GetLastPInvokeError());
        }
    }

    // SAFETY (both): the kernel reads 12 bytes from a parameter on this stack.
    private void Control(int operation, SafeHandle fd, EpollEvent change) =>
        ThrowIfFailed(LibC.EpollControl(this, operation, fd, &change));

    private void Control(int operation, int fd, EpollEvent change) =>
        ThrowIfFailed(LibC.EpollControlRaw(this, operation, fd, &change));
}
