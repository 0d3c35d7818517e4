using System.Runtime.InteropServices;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Carries Ethernet frames between a network card and the host. Never blocks, allocates nothing.</summary>
internal interface IFrameChannel : IDisposable
{
    /// <summary>Ready when a frame may have come, or be taken again.</summary>
    SafeHandle Handle { get; }

    /// <summary>Whether a frame that was taken still waits to be carried on; then call <see cref="Flush"/> when the handle is
    /// writable.</summary>
    bool HasUnsent { get; }

    /// <summary>Takes a frame that has come.</summary>
    /// <param name="frame">Where to; room for <see cref="VirtioNet.MaximumFrame"/> bytes.</param>
    /// <param name="length">Its length.</param>
    FrameResult Receive(Span<byte> frame, out int length);

    /// <summary>Sends a frame.</summary>
    /// <param name="frame">The whole frame.</param>
    FrameResult Send(ReadOnlySpan<byte> frame);

    /// <summary>Carries on what waits.</summary>
    FrameResult Flush();
}
