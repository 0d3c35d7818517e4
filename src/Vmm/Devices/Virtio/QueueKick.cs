using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The doorbell of one queue: the guest's write to QueueNotify signals it, the event loop answers it.</summary>
internal sealed class QueueKick : IReadyHandler, IDisposable
{
    private readonly VirtioMmioTransport _transport;
    private readonly int _queue;

    internal QueueKick(VirtioMmioTransport transport, int queue)
    {
        _transport = transport;
        _queue = queue;
    }

    /// <summary>What an ioeventfd signals.</summary>
    internal EventFd Fd { get; } = EventFd.Create();

    /// <inheritdoc/>
    public void OnReady(EpollEvents events)
    {
        // A flood of notifications is one number here.
        if (Fd.TryRead(out _))
        {
            _transport.ProcessQueue(_queue);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Fd.Dispose();
}
