using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Memory that only the guest can reach: it has no host address.</summary>
public sealed class GuestMemFd : FdHandle
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    internal GuestMemFd(int descriptor, ulong size)
        : base(descriptor)
    {
        Size = size;
    }

    /// <summary>The size in bytes.</summary>
    public ulong Size { get; }

    /// <summary>Gives pages back to the host; the guest's content of them is lost.</summary>
    /// <param name="offset">Bytes from the start; a multiple of the page size.</param>
    /// <param name="length">Bytes; a multiple of the page size.</param>
    /// <exception cref="KvmException">fallocate(2) failed: EINVAL for a bad range.</exception>
    public void Discard(ulong offset, ulong length) => Allocate(PunchHole | KeepSize, offset, length);

    /// <summary>Takes pages from the host now, instead of when the guest first touches them.</summary>
    /// <param name="offset">Bytes from the start; a multiple of the page size.</param>
    /// <param name="length">Bytes; a multiple of the page size.</param>
    /// <exception cref="KvmException">fallocate(2) failed: ENOMEM, or EINVAL for a bad range.</exception>
    public void Preallocate(ulong offset, ulong length) => Allocate(KeepSize, offset, length);

    private void Allocate(int mode, ulong offset, ulong length)
    {
        if (length > Size || offset > Size - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"0x{length:x} bytes at 0x{offset:x} do not lie inside 0x{Size:x} bytes.");
        }

        while (LibC.Allocate(this, mode, (long)offset, (long)length) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != (int)Errno.EINTR)
            {
                throw KvmException.FromErrno("fallocate(guest_memfd)", errno);
            }
        }
    }
}
