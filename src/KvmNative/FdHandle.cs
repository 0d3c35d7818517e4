using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using OpenFlags = Mono.Unix.Native.OpenFlags;
using Syscall = Mono.Unix.Native.Syscall;

namespace KvmSevVmm.KvmNative;

/// <summary>Owns one Linux file descriptor.</summary>
public class FdHandle : SafeHandle
{
    /// <summary>Takes ownership of <paramref name="descriptor"/>.</summary>
    /// <param name="descriptor">An open descriptor.</param>
    internal FdHandle(int descriptor)
        : base(-1, ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>The number of the descriptor, for structures that carry it to the kernel. Root the handle while it is used.</summary>
    /// <exception cref="ObjectDisposedException">The descriptor is closed; its number may already belong to another file.</exception>
    public int Descriptor
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (int)handle;
        }
    }

    /// <summary>Opens a device or file, close-on-exec.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="flags">Access mode and further flags of open(2).</param>
    /// <exception cref="KvmException">open(2) failed; names the path.</exception>
    internal static int OpenDescriptor(string path, OpenFlags flags)
    {
        while (true)
        {
            int fd = Syscall.open(path, flags | OpenFlags.O_CLOEXEC);
            if (fd >= 0)
            {
                return fd;
            }

            int errno = Marshal.GetLastPInvokeError();
            if (errno != (int)Errno.EINTR)
            {
                throw KvmException.FromErrno($"open(\"{path}\")", errno);
            }
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Syscall.close((int)handle) == 0;
}
