using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Reading, writing and waiting on descriptors that the process was started with, such as a console.</summary>
public static unsafe class NativeFile
{
    private const short PollIn = 1;

    /// <summary>Waits until a read of <paramref name="fd"/> will not block: data, end of file or an error is there.</summary>
    /// <param name="fd">An open descriptor.</param>
    /// <param name="stop">Ends the wait when it is signalled; it is not read.</param>
    /// <param name="timeoutMs">Milliseconds to wait; 0 only looks, -1 waits without end.</param>
    /// <returns>Whether <paramref name="fd"/> can be read; false after the time-out, a signal, or <paramref name="stop"/>.</returns>
    /// <exception cref="KvmException">poll(2) failed.</exception>
    public static bool WaitReadable(int fd, EventFd stop, int timeoutMs)
    {
        bool added = false;
        try
        {
            stop.DangerousAddRef(ref added);
            PollDescriptor* descriptors = stackalloc PollDescriptor[2];
            descriptors[0] = new PollDescriptor { Fd = fd, Events = PollIn };
            descriptors[1] = new PollDescriptor { Fd = stop.Descriptor, Events = PollIn };

            // SAFETY: two entries on this stack; the count says two.
            int ready = LibC.Poll(descriptors, 2, timeoutMs);
            if (ready >= 0)
            {
                return descriptors[0].ReturnedEvents != 0 && descriptors[1].ReturnedEvents == 0;
            }
        }
        finally
        {
            if (added)
            {
                stop.DangerousRelease();
            }
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == (int)Errno.EINTR ? false : throw KvmException.FromErrno("poll", errno);
    }

    /// <summary>Reads what is there.</summary>
    /// <param name="fd">An open descriptor.</param>
    /// <param name="buffer">Where the bytes go.</param>
    /// <returns>The number of bytes; 0 at the end of the file, -1 if a non-blocking descriptor has nothing now.</returns>
    /// <exception cref="KvmException">read(2) failed; EIO when a terminal is gone.</exception>
    public static int Read(int fd, Span<byte> buffer)
    {
        while (true)
        {
            nint count;

            // SAFETY: the kernel writes at most buffer.Length bytes, and the span stays pinned meanwhile.
            fixed (byte* bytes = buffer)
            {
                count = LibC.ReadRaw(fd, bytes, (nuint)buffer.Length);
            }

            if (count >= 0)
            {
                return (int)count;
            }

            if (MustWait("read"))
            {
                return -1;
            }
        }
    }

    /// <summary>Writes what the descriptor takes now, without buffering.</summary>
    /// <param name="fd">An open descriptor.</param>
    /// <param name="bytes">What to write.</param>
    /// <returns>The number of bytes written, which may be fewer; -1 if a non-blocking descriptor takes nothing now.</returns>
    /// <exception cref="KvmException">write(2) failed; EPIPE when the reader is gone.</exception>
    public static int Write(int fd, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            nint count;

            // SAFETY: the kernel reads at most bytes.Length bytes, and the span stays pinned meanwhile.
            fixed (byte* start = bytes)
            {
                count = LibC.WriteRaw(fd, start, (nuint)bytes.Length);
            }

            if (count >= 0)
            {
                return (int)count;
            }

            if (MustWait("write"))
            {
                return -1;
            }
        }
    }

    /// <summary>What a call that failed just now means: wait for the descriptor, or call again at once.</summary>
    /// <param name="call">The call's name.</param>
    /// <exception cref="KvmException">It failed for another reason than EAGAIN or EINTR.</exception>
    private static bool MustWait(string call) => Marshal.GetLastPInvokeError() switch
    {
        (int)Errno.EAGAIN => true,
        (int)Errno.EINTR => false,
        int errno => throw KvmException.FromErrno(call, errno),
    };
}
