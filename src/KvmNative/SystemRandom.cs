using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>The kernel's random numbers.</summary>
public static unsafe class SystemRandom
{
    /// <summary>Fills a buffer. Allocates nothing; blocks only while a host that has just started has no entropy yet.</summary>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="KvmException">getrandom(2) failed.</exception>
    public static void Fill(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            nint count;

            // SAFETY: the kernel writes at most destination.Length bytes, and the span stays pinned meanwhile.
            fixed (byte* bytes = destination)
            {
                count = LibC.GetRandom(bytes, (nuint)destination.Length, 0);
            }

            if (count < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno != (int)Errno.EINTR)
                {
                    throw KvmException.FromErrno("getrandom", errno);
                }

                continue;
            }

            destination = destination[(int)count..];
        }
    }
}
