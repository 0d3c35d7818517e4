using System.Runtime.InteropServices;
using System.Text;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;
using OpenFlags = Mono.Unix.Native.OpenFlags;

namespace KvmSevVmm.KvmNative;

/// <summary>A tap interface: each read gives one Ethernet frame, each write sends one. Never blocks.</summary>
/// <remarks>An interface that did not exist before goes with the descriptor. Source: Linux, Documentation/networking/tuntap.rst.</remarks>
public sealed unsafe class TapDevice : FdHandle
{
    /// <summary>Longest name in bytes; the kernel's IFNAMSIZ less the final NUL.</summary>
    public const int MaxNameLength = 15;

    private const int RequestLength = 40; // struct ifreq: the name in 16 bytes, flags in 2, unused
    private const nuint SetInterface = 0x400454CA; // TUNSETIFF
    private const ushort TapWithoutHeader = 0x1002; // IFF_TAP | IFF_NO_PI

    private TapDevice(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Attaches to an interface, and makes it where there is none and the caller may.</summary>
    /// <param name="name">Its name, 1 to <see cref="MaxNameLength"/> bytes.</param>
    /// <exception cref="KvmException">open(2) failed, or TUNSETIFF: EPERM, it is not the caller's; EBUSY, it is in use.</exception>
    public static TapDevice Open(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        if (bytes.Length is 0 or > MaxNameLength)
        {
            throw new ArgumentException($"an interface has a name of 1 to {MaxNameLength} bytes", nameof(name));
        }

        TapDevice tap = new(OpenDescriptor("/dev/net/tun", OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK));
        byte* request = stackalloc byte[RequestLength];
        Span<byte> fields = new(request, RequestLength);
        fields.Clear();
        bytes.CopyTo(fields);
        MemoryMarshal.Write(fields[16..], TapWithoutHeader);

        // SAFETY: the kernel reads and writes one struct ifreq of 40 bytes on this stack.
        if (LibC.Ioctl(tap, SetInterface, request) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            tap.Dispose();
            throw KvmException.FromErrno($"TUNSETIFF({name})", errno);
        }

        return tap;
    }

    /// <summary>Takes the next frame.</summary>
    /// <param name="frame">Where to; what does not fit is lost.</param>
    /// <param name="error">Why there is none: EAGAIN when none has come, anything else when the interface is gone.</param>
    /// <returns>Bytes; 0 when there is none.</returns>
    public int Read(Span<byte> frame, out Errno error)
    {
        // SAFETY: the kernel writes at most frame.Length bytes, and the span stays pinned meanwhile.
        fixed (byte* bytes = frame)
        {
            nint count = LibC.Read(this, bytes, (nuint)frame.Length);
            error = count > 0 ? Errno.None : count == 0 ? Errno.EIO : (Errno)Marshal.GetLastPInvokeError();
            return (int)Math.Max(count, 0);
        }
    }

    /// <summary>Sends a frame.</summary>
    /// <param name="frame">A whole Ethernet frame.</param>
    /// <returns>EAGAIN when the interface takes none now.</returns>
    public Errno Write(ReadOnlySpan<byte> frame)
    {
        // SAFETY: the kernel reads at most frame.Length bytes, and the span stays pinned meanwhile.
        fixed (byte* bytes = frame)
        {
            return LibC.Write(this, (void*)bytes, (nuint)frame.Length) >= 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
        }
    }
}
