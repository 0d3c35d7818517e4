using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Frames to and from a tap interface.</summary>
internal sealed class TapChannel : IFrameChannel
{
    private readonly TapDevice _tap;

    internal TapChannel(TapDevice tap) => _tap = tap;

    /// <inheritdoc/>
    public SafeHandle Handle => _tap;

    /// <inheritdoc/>
    public bool HasUnsent => false;

    /// <inheritdoc/>
    public FrameResult Receive(Span<byte> frame, out int length)
    {
        length = _tap.Read(frame, out Errno error);
        return Judge(error);
    }

    /// <inheritdoc/>
    // The kernel refuses frames that are no frames (EINVAL) and those for an interface that is down (EIO): they are lost, as on a wire.
    public FrameResult Send(ReadOnlySpan<byte> frame) => _tap.Write(frame) switch
    {
        Errno.EAGAIN or Errno.EINTR => FrameResult.Later,
        Errno.EBADFD => FrameResult.Gone,
        _ => FrameResult.Done,
    };

    /// <inheritdoc/>
    public FrameResult Flush() => FrameResult.Done;

    /// <inheritdoc/>
    public void Dispose() => _tap.Dispose();

    private static FrameResult Judge(Errno error) => error switch
    {
        Errno.None => FrameResult.Done,
        Errno.EAGAIN or Errno.EINTR => FrameResult.Later,
        _ => FrameResult.Gone,
    };
}
