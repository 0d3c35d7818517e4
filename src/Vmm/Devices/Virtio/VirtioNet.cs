using KvmSevVmm.KvmNative;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>virtio-net with one pair of queues and no offloads: each chain is one frame behind a header of zeros.</summary>
/// <remarks>
/// While the guest offers no buffer, frames wait on the host's side, which drops or holds them as it does for any slow reader. When the
/// other end is gone the link goes down; what the guest sends then is lost. Source: virtio 1.2, 5.1.
/// </remarks>
public sealed class VirtioNet : VirtioDevice, IReadyHandler, IDisposable
{
    /// <summary>Most bytes of a frame.</summary>
    public const int MaximumFrame = 65550;

    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int HeaderLength = 12;
    private const int StatusOffset = 6;
    private const ushort LinkUp = 1;
    private const ulong MacFeature = 1UL << 5;
    private const ulong StatusFeature = 1UL << 16;

    private readonly IFrameChannel _channel;
    private readonly BoundedLog _log;
    private readonly byte[] _frame = new byte[HeaderLength + MaximumFrame];
    private VirtioMmioTransport? _transport;
    private EventLoop? _loop;
    private EpollEvents _armed;
    private bool _isTransmitBlocked;
    private bool _isGone;
    private int _token;

    /// <summary>Makes the card.</summary>
    /// <param name="name">What logs and results call it.</param>
    /// <param name="mac">Its address, 6 bytes.</param>
    /// <param name="channel">The host's side; the device owns it from now on.</param>
    /// <param name="log">For what the host's side does wrong.</param>
    internal VirtioNet(string name, ReadOnlySpan<byte> mac, IFrameChannel channel, BoundedLog log)
        : base(VirtioDeviceType.Network, name, queueCount: 2, configLength: 12)
    {
        _channel = channel;
        _log = log;
        Features = MacFeature | StatusFeature;
        mac.CopyTo(Config);
        SetConfig16(StatusOffset, LinkUp);
        SetConfig16(8, 1); // pairs of queues
    }

    /// <inheritdoc/>
    public override void Attach(VirtioMmioTransport transport, EventLoop loop)
    {
        _transport = transport;
        _loop = loop;
        _token = loop.Add(_channel.Handle, EpollEvents.None, this);
    }

    /// <inheritdoc/>
    public override void OnReset()
    {
        _isTransmitBlocked = false;
        Arm(_channel.HasUnsent ? EpollEvents.Writable : EpollEvents.None);
    }

    /// <inheritdoc/>
    public void OnReady(EpollEvents events)
    {
        lock (_transport!.Gate)
        {
            if (_channel.HasUnsent && _channel.Flush() == FrameResult.Gone)
            {
                LoseLink();
            }

            if (!_transport.IsRunning)
            {
                // Nobody is there to take anything, so a hang-up that is seen now would be seen for ever.
                Arm(_channel.HasUnsent ? EpollEvents.Writable : EpollEvents.None);
                if ((events & (EpollEvents.HangUp | EpollEvents.Error)) != 0)
                {
                    LoseLink();
                }

                return;
            }
        }

        if (_isTransmitBlocked)
        {
            _transport.ProcessQueue(TransmitQueue);
        }

        _transport.ProcessQueue(ReceiveQueue);
        UpdateArming(events);
    }

    /// <inheritdoc/>
    public override QueueProgress ProcessNext(Virtqueue queue) => queue.Index == ReceiveQueue ? Receive(queue) : Transmit(queue);

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private QueueProgress Receive(Virtqueue queue)
    {
        if (_isGone)
        {
            return QueueProgress.Blocked;
        }

        if (!queue.TryPop(out DescriptorChain? chain))
        {
            Arm(_armed & ~EpollEvents.Readable); // a descriptor that is ready and cannot be served would keep the loop busy
            return QueueProgress.Idle;
        }

        FrameResult result = _channel.Receive(_frame.AsSpan(HeaderLength), out int length);
        if (result != FrameResult.Done)
        {
            queue.UndoPop();
            if (result == FrameResult.Gone)
            {
                LoseLink();
            }
            else
            {
                Arm(_armed | EpollEvents.Readable);
            }

            return QueueProgress.Blocked;
        }

        Span<byte> whole = _frame.AsSpan(0, HeaderLength + length);
        whole[..HeaderLength].Clear();
        whole[10] = 1; // num_buffers
        if ((ulong)whole.Length > chain.WritableLength)
        {
            queue.UndoPop(); // the buffer is for a frame that fits; this one is lost
            Statistics.HostErrors++;
            return QueueProgress.Processed;
        }

        if (chain.TryWrite(whole))
        {
            Statistics.BytesToGuest += length;
            queue.AddUsed(chain.Head, (uint)whole.Length);
        }

        return QueueProgress.Processed;
    }

    private QueueProgress Transmit(Virtqueue queue)
    {
        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (chain.ReadableLength <= HeaderLength)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        if (_isGone || chain.ReadableLength > (ulong)_frame.Length)
        {
            Statistics.HostErrors++;
            queue.AddUsed(chain.Head, 0);
            return QueueProgress.Processed;
        }

        Span<byte> whole = _frame.AsSpan(0, (int)chain.ReadableLength);
        if (!chain.TryRead(whole))
        {
            return QueueProgress.Idle;
        }

        FrameResult result = _channel.Send(whole[HeaderLength..]);
        if (result == FrameResult.Later)
        {
            queue.UndoPop();
            _isTransmitBlocked = true;
            Arm(_armed | EpollEvents.Writable);
            return QueueProgress.Blocked;
        }

        _isTransmitBlocked = false;
        if (result == FrameResult.Gone)
        {
            LoseLink();
        }

        Statistics.BytesFromGuest += whole.Length - HeaderLength;
        queue.AddUsed(chain.Head, 0);
        if (_channel.HasUnsent)
        {
            Arm(_armed | EpollEvents.Writable);
        }

        return QueueProgress.Processed;
    }

    private void UpdateArming(EpollEvents events)
    {
        lock (_transport!.Gate)
        {
            // A hang-up is reported until it is dealt with; what the guest has no buffers for is lost with the link.
            if ((events & (EpollEvents.HangUp | EpollEvents.Error)) != 0 && (_armed & EpollEvents.Readable) == 0)
            {
                LoseLink();
            }

            if (!_isTransmitBlocked && !_channel.HasUnsent)
            {
                Arm(_armed & ~EpollEvents.Writable);
            }
        }
    }

    private void Arm(EpollEvents events)
    {
        if (events != _armed && !_isGone)
        {
            _armed = events;
            _loop!.Modify(_token, _channel.Handle, events);
        }
    }

    private void LoseLink()
    {
        if (_isGone)
        {
            return;
        }

        _isGone = true;
        _isTransmitBlocked = false;
        _loop!.Remove(_token, _channel.Handle);
        SetConfig16(StatusOffset, 0);
        _transport!.NotifyConfigChange();
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning("{Device}: the host's side is gone, so the guest's link is down", Name);
        }
    }
}
