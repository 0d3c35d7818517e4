using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The C library functions that neither the BCL nor Mono.Posix offers; blittable arguments only.</summary>
/// <remarks>Each returns what C returns; the error number is <see cref="Marshal.GetLastPInvokeError"/>, unless said otherwise.</remarks>
internal static unsafe partial class LibC
{
    private const string Library = "libc.so.6";

    /// <summary>ioctl(2) with an integer argument.</summary>
    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(SafeHandle fd, nuint request, nuint argument);

    /// <summary>ioctl(2) with a pointer argument.</summary>
    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(SafeHandle fd, nuint request, void* argument);

    /// <summary>ioctl(2) on a bare descriptor whose handle the caller holds: the KVM_RUN path.</summary>
    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoctlRaw(int fd, nuint request, nuint argument);

    /// <summary>mmap(2) without a file; (void*)-1 on failure.</summary>
    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* MapAnonymous(void* address, nuint length, int protection, int flags, int fd, long offset);

    /// <summary>mmap(2) of a descriptor; (void*)-1 on failure.</summary>
    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* MapDescriptor(void* address, nuint length, int protection, int flags, SafeHandle fd, long offset);

    /// <summary>munmap(2).</summary>
    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(void* address, nuint length);

    /// <summary>madvise(2).</summary>
    [LibraryImport(Library, EntryPoint = "madvise", SetLastError = true)]
    internal static partial int Advise(void* address, nuint length, int advice);

    /// <summary>fallocate(2).</summary>
    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Allocate(SafeHandle fd, int mode, long offset, long length);

    /// <summary>eventfd(2).</summary>
    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int EventFd(uint initial, int flags);

    /// <summary>read(2).</summary>
    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(SafeHandle fd, void* buffer, nuint count);

    /// <summary>read(2) on a descriptor that this process was started with.</summary>
    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    internal static partial nint ReadRaw(int fd, void* buffer, nuint count);

    /// <summary>write(2).</summary>
    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(SafeHandle fd, void* buffer, nuint count);

    /// <summary>write(2) on a descriptor that this process was started with.</summary>
    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    internal static partial nint WriteRaw(int fd, void* buffer, nuint count);

    /// <summary>preadv(2): reads at a position into several pieces of memory.</summary>
    [LibraryImport(Library, EntryPoint = "preadv", SetLastError = true)]
    internal static partial nint ReadVector(SafeHandle fd, IoVector* pieces, int count, long offset);

    /// <summary>pwritev(2): writes at a position out of several pieces of memory.</summary>
    [LibraryImport(Library, EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint WriteVector(SafeHandle fd, IoVector* pieces, int count, long offset);

    /// <summary>fdatasync(2).</summary>
    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int SyncData(SafeHandle fd);

    /// <summary>flock(2).</summary>
    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    internal static partial int Lock(SafeHandle fd, int operation);

    /// <summary>lseek(2).</summary>
    [LibraryImport(Library, EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeHandle fd, long offset, int origin);

    /// <summary>getrandom(2).</summary>
    [LibraryImport(Library, EntryPoint = "getrandom", SetLastError = true)]
    internal static partial nint GetRandom(void* buffer, nuint length, uint flags);

    /// <summary>epoll_create1(2).</summary>
    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    /// <summary>epoll_ctl(2) on a handle.</summary>
    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(SafeHandle epoll, int operation, SafeHandle fd, EpollEvent* change);

    /// <summary>epoll_ctl(2) on a descriptor that this process was started with.</summary>
    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControlRaw(SafeHandle epoll, int operation, int fd, EpollEvent* change);

    /// <summary>epoll_wait(2).</summary>
    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    internal static partial int EpollWait(SafeHandle epoll, EpollEvent* events, int capacity, int timeoutMs);

    /// <summary>poll(2).</summary>
    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    /// <summary>prctl(2) with one pointer argument.</summary>
    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    internal static partial int ProcessControl(int option, void* argument, nuint unused3, nuint unused4, nuint unused5);

    /// <summary>getrlimit(2): writes two 64-bit numbers, soft and hard.</summary>
    [LibraryImport(Library, EntryPoint = "getrlimit", SetLastError = true)]
    internal static partial int GetResourceLimit(int resource, ulong* softAndHard);

    /// <summary>tcgetattr(3).</summary>
    [LibraryImport(Library, EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int GetTerminalAttributes(int fd, Termios* attributes);

    /// <summary>tcsetattr(3).</summary>
    [LibraryImport(Library, EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int SetTerminalAttributes(int fd, int action, Termios* attributes);

    /// <summary>cfmakeraw(3).</summary>
    [LibraryImport(Library, EntryPoint = "cfmakeraw")]
    internal static partial void MakeRaw(Termios* attributes);

    /// <summary>tcgetpgrp(3).</summary>
    [LibraryImport(Library, EntryPoint = "tcgetpgrp", SetLastError = true)]
    internal static partial int GetForegroundProcessGroup(int fd);

    /// <summary>gettid(2); cannot fail.</summary>
    [LibraryImport(Library, EntryPoint = "gettid")]
    internal static partial int GetThreadId();

    /// <summary>tgkill(2).</summary>
    [LibraryImport(Library, EntryPoint = "tgkill", SetLastError = true)]
    internal static partial int SignalThread(int processId, int threadId, int signal);

    /// <summary>The first real-time signal that the C library leaves to programs.</summary>
    [LibraryImport(Library, EntryPoint = "__libc_current_sigrtmin")]
    internal static partial int FirstRealTimeSignal();

    /// <summary>sigaction(2).</summary>
    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    internal static partial int SetSignalAction(int signal, SignalAction* action, SignalAction* old);

    /// <summary>pthread_sigmask(3); returns the error number itself.</summary>
    [LibraryImport(Library, EntryPoint = "pthread_sigmask")]
    internal static partial int SetThreadSignalMask(int how, SignalSet* change, SignalSet* old);

    /// <summary>sigtimedwait(2).</summary>
    [LibraryImport(Library, EntryPoint = "sigtimedwait", SetLastError = true)]
    internal static partial int WaitForSignal(SignalSet* signals, void* info, TimeSpec* timeout);
}
