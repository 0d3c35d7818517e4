using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Devices.Virtio;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>A network whose only other station echoes the last frame, is slow at times, and looks for what it must never see.</summary>
internal sealed class LoopbackChannel : IFrameChannel
{
    private readonly EventFd _ready = EventFd.Create();
    private readonly byte[] _last = new byte[VirtioNet.MaximumFrame];
    private int _length;
    private int _turn;

    public SafeHandle Handle => _ready;

    public bool HasUnsent => false;

    /// <summary>Whether it takes every seventh frame only later.</summary>
    internal bool IsSlow { get; init; } = true;

    internal long Frames { get; private set; }

    internal long FramesWithSecret { get; private set; }

    public FrameResult Receive(Span<byte> frame, out int length)
    {
        length = _length;
        _length = 0;
        _last.AsSpan(0, length).CopyTo(frame);
        return length > 0 ? FrameResult.Done : FrameResult.Later;
    }

    public FrameResult Send(ReadOnlySpan<byte> frame)
    {
        if (IsSlow && ++_turn % 7 == 0)
        {
            return FrameResult.Later;
        }

        Frames++;
        FramesWithSecret += frame.IndexOf(QueueFuzzer.Secret) >= 0 ? 1 : 0;
        frame.CopyTo(_last);
        _length = frame.Length;
        return FrameResult.Done;
    }

    public FrameResult Flush() => FrameResult.Done;

    public void Dispose() => _ready.Dispose();
}
