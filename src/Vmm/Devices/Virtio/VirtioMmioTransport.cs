using System.Buffers.Binary;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Memory;
using Serilog.Events;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The registers of one virtio-mmio device (version 2), its status machine, the way between queues and thread.</summary>
/// <remarks>
/// <para>Registers are 32 bits wide and aligned. An access of another size or place, a read of what is write-only, a write to what is
/// read-only or at the wrong moment has a defined answer: zero, and nothing happens; it is counted. The configuration space takes every
/// size and place.</para>
/// <para>vCPU threads access registers, one thread of an <see cref="EventLoop"/> processes queues; the gate is held for one request at a
/// time. What a driver does while the device works (notify, acknowledge, read status) takes no gate. Source: virtio 1.2, 4.2.</para>
/// </remarks>
public sealed class VirtioMmioTransport : IBusDevice, IDisposable
{
    /// <summary>Bytes of the register window.</summary>
    public const ulong WindowLength = 0x1000;

    /// <summary>Chains that one turn processes before other devices of the same thread get theirs.</summary>
    private const int ChainsPerTurn = 32;

    /// <summary>How long whoever draws the map waits for a device that is busy.</summary>
    private static readonly TimeSpan RequestPatience = TimeSpan.FromMilliseconds(250);

    private const uint Magic = 0x74726976; // "virt"
    private const uint Vendor = 0x5653564B; // "KVSV"
    private const uint UsedInterrupt = 1;
    private const uint ConfigInterrupt = 2;
    private const VirtioStatus GuestBits =
        VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.DriverOk | VirtioStatus.FeaturesOk | VirtioStatus.Failed;

    private readonly VirtioDevice _device;
    private readonly SharedMemoryGuard _guard;
    private readonly IInterruptPulse _interrupt;
    private readonly BoundedLog _log;
    private readonly Virtqueue[] _queues;
    private readonly VirtqueueLayout[] _layouts;
    private readonly QueueKick[] _kicks;
    private readonly ulong _offeredFeatures;
    private ulong _driverFeatures;
    private uint _deviceFeaturesSelect;
    private uint _driverFeaturesSelect;
    private uint _queueSelect;
    private uint _status;
    private uint _interruptStatus;
    private uint _configGeneration;

    /// <summary>Makes the transport of a device and puts its doorbells into the loop that does its work.</summary>
    /// <param name="device">The device.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="guard">What the device may touch of it.</param>
    /// <param name="interrupt">Its interrupt.</param>
    /// <param name="loop">The thread that does its work; it ends before this is disposed.</param>
    /// <param name="log">For what the driver does wrong.</param>
    public VirtioMmioTransport(
        VirtioDevice device, GuestMemory memory, SharedMemoryGuard guard, IInterruptPulse interrupt, EventLoop loop, BoundedLog log)
    {
        _device = device;
        _guard = guard;
        _interrupt = interrupt;
        _log = log;
        _offeredFeatures = device.Features | VirtioFeatures.Common;
        _queues = new Virtqueue[device.QueueCount];
        _layouts = new VirtqueueLayout[device.QueueCount];
        _kicks = new QueueKick[device.QueueCount];
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new Virtqueue(i, memory, guard);
            _kicks[i] = new QueueKick(this, i);
            _ = loop.Add(_kicks[i].Fd, EpollEvents.Readable, _kicks[i]);
        }

        device.Attach(this, loop);
    }

    /// <summary>The device behind the registers.</summary>
    public VirtioDevice Device => _device;

    /// <summary>The status field.</summary>
    public VirtioStatus Status => (VirtioStatus)Volatile.Read(ref _status);

    /// <summary>Held while the device's state or a queue is used.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Whether queues may be used: the driver is ready and nothing has gone wrong. Read it under the gate.</summary>
    internal bool IsRunning => (Status & (VirtioStatus.DriverOk | VirtioStatus.NeedsReset | VirtioStatus.Failed)) == VirtioStatus.DriverOk;

    /// <summary>What the guard refused last, or null. Written under the gate, read from any thread.</summary>
    internal GuardViolation? LatestViolation { get; private set; }

    /// <summary>What a notification of each queue signals, for ioeventfds.</summary>
    internal EventFd GetKick(int queue) => _kicks[queue].Fd;

    /// <summary>A queue, for a device that moves by itself. Use it under the gate, while the device is running.</summary>
    internal Virtqueue GetQueue(int index) => _queues[index];

    /// <summary>Where the queues lie that are in use now, and what their drivers wait for. A device whose request takes long is not waited
    /// for: of its queues nothing is known at this moment.</summary>
    /// <param name="mostBuffers">Most buffers of a queue to find.</param>
    internal IReadOnlyList<(int Queue, VirtqueueLayout Layout, IReadOnlyList<GpaRange> Buffers)> GetReadyQueues(int mostBuffers = 0)
    {
        List<(int Queue, VirtqueueLayout Layout, IReadOnlyList<GpaRange> Buffers)> found = [];
        if (!Gate.TryEnter(RequestPatience))
        {
            return found;
        }

        try
        {
            foreach (Virtqueue queue in _queues.Where(static queue => queue.IsReady))
            {
                List<GpaRange> buffers = [];
                queue.FindOfferedBuffers(buffers, mostBuffers);
                found.Add((queue.Index, queue.Layout, buffers));
            }
        }
        finally
        {
            Gate.Exit();
        }

        return found;
    }

    /// <summary>Chains given back to the driver, over all queues. Read from any thread; it takes no gate.</summary>
    public long CompletedChains => _queues.Sum(static queue => queue.CompletedChains);

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        if (offset >= Register.Config)
        {
            _device.ReadConfig(offset - Register.Config, data);
            return;
        }

        data.Clear();
        if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister(offset));
        }
        else
        {
            _device.Statistics.CountRefusedAccess();
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        bool isTaken = offset < Register.Config
            && data.Length == sizeof(uint)
            && offset % sizeof(uint) == 0
            && WriteRegister(offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
        if (!isTaken)
        {
            _device.Statistics.CountRefusedAccess();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (QueueKick kick in _kicks)
        {
            kick.Dispose();
        }
    }

    /// <summary>Processes what a queue holds, at most one turn's worth. Called on the loop's thread.</summary>
    internal void ProcessQueue(int index)
    {
        Virtqueue queue = _queues[index];
        for (int i = 0; i < ChainsPerTurn; i++)
        {
            lock (Gate)
            {
                if (!IsRunning || !queue.IsReady)
                {
                    return;
                }

                if (i == 0)
                {
                    queue.DisableNotifications();
                }

                QueueProgress progress = _device.ProcessNext(queue);
                if (progress != QueueProgress.Processed || !queue.IsReady)
                {
                    // A device that waits for its host goes on by itself, so it asks for no notification.
                    bool isDone = progress == QueueProgress.Blocked || queue.EnableNotifications();
                    Settle(queue);
                    if (isDone)
                    {
                        return;
                    }
                }
            }
        }

        lock (Gate)
        {
            Settle(queue);
        }

        _kicks[index].Fd.Signal();
    }

    /// <summary>Tells the driver what has been done: by an interrupt if it wants one, by NEEDS_RESET if the queue has stopped.</summary>
    internal void Settle(Virtqueue queue)
    {
        bool wantsInterrupt = queue.TakeInterrupt();
        if (queue.Fault.Error != VirtqueueError.None)
        {
            RequireReset(queue);
        }
        else if (wantsInterrupt)
        {
            Raise(UsedInterrupt);
        }
    }

    /// <summary>Tells the driver that the configuration space has changed.</summary>
    internal void NotifyConfigChange()
    {
        Interlocked.Increment(ref _configGeneration);
        if ((Status & VirtioStatus.DriverOk) != 0)
        {
            Raise(ConfigInterrupt);
        }
    }

    private void Raise(uint cause)
    {
        Interlocked.Or(ref _interruptStatus, cause);
        _device.Statistics.CountInterrupt();
        _interrupt.Pulse();
    }

    private void RequireReset(Virtqueue queue)
    {
        if ((Status & VirtioStatus.NeedsReset) != 0)
        {
            return;
        }

        VirtqueueFault fault = queue.Fault;
        if (fault.IsGuardViolation)
        {
            _device.Statistics.GuardViolations++;
            LatestViolation = new GuardViolation(
                _device.Name, queue.Index, VirtqueueErrorWords.NameOf(fault.Part), fault.Gpa, _guard.Explain(fault));
        }
        else
        {
            _device.Statistics.ProtocolErrors++;
        }

        Interlocked.Or(ref _status, (uint)VirtioStatus.NeedsReset);
        NotifyConfigChange();
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning(
                "{Device} needs a reset: {Part} of queue {Queue}: {Gpa} {Cause}",
                _device.Name,
                VirtqueueErrorWords.NameOf(fault.Part),
                queue.Index,
                fault.Gpa,
                _guard.Explain(fault));
        }
    }

    private uint ReadRegister(ulong offset)
    {
        switch (offset)
        {
            case Register.MagicValue:
                return Magic;
            case Register.Version:
                return 2;
            case Register.DeviceId:
                return (uint)_device.Type;
            case Register.VendorId:
                return Vendor;
            case Register.DeviceFeatures:
                uint select = Volatile.Read(ref _deviceFeaturesSelect);
                return select < 2 ? (uint)(_offeredFeatures >> (32 * (int)select)) : 0;
            case Register.QueueSizeMax:
                return Volatile.Read(ref _queueSelect) < (uint)_queues.Length ? Virtqueue.MaximumSize : 0u;
            case Register.QueueReady:
                lock (Gate)
                {
                    return _queueSelect < (uint)_queues.Length && _queues[_queueSelect].IsReady ? 1u : 0u;
                }

            case Register.InterruptStatus:
                return Volatile.Read(ref _interruptStatus);
            case Register.Status:
                return Volatile.Read(ref _status);
            case >= Register.SharedMemoryLengthLow and <= Register.SharedMemoryBaseHigh:
                return uint.MaxValue; // no such shared memory region (4.2.2)
            case Register.ConfigGeneration:
                return Volatile.Read(ref _configGeneration);
            default:
                _device.Statistics.CountRefusedAccess();
                return 0;
        }
    }

    /// <summary>Takes a write.</summary>
    /// <returns>False when it had no effect, because there is no such register or it is not its moment.</returns>
    private bool WriteRegister(ulong offset, uint value)
    {
        switch (offset)
        {
            case Register.QueueNotify:
                // Comes here only when no ioeventfd matched: a queue that is not there, or a machine without ioeventfds.
                if (value >= (uint)_kicks.Length)
                {
                    return false;
                }

                _kicks[value].Fd.Signal();
                return true;
            case Register.InterruptAcknowledge:
                Interlocked.And(ref _interruptStatus, ~value);
                return true;
            case Register.Status:
                return WriteStatus(value);
            default:
                lock (Gate)
                {
                    return WriteSetup(offset, value);
                }
        }
    }

    private bool WriteSetup(ulong offset, uint value)
    {
        switch (offset)
        {
            case Register.DeviceFeaturesSelect:
                _deviceFeaturesSelect = value;
                return true;
            case Register.DriverFeaturesSelect:
                _driverFeaturesSelect = value;
                return true;
            case Register.DriverFeatures:
                return WriteDriverFeatures(value);
            case Register.QueueSelect:
                _queueSelect = value;
                return true;
        }

        if (_queueSelect >= (uint)_queues.Length
            || (Status & (VirtioStatus.FeaturesOk | VirtioStatus.NeedsReset)) != VirtioStatus.FeaturesOk)
        {
            return false;
        }

        return offset == Register.QueueReady
            ? WriteQueueReady(value)
            : !_queues[_queueSelect].IsReady && WriteLayout(offset, value);
    }

    private bool WriteDriverFeatures(uint value)
    {
        if (_driverFeaturesSelect > 1 || (Status & VirtioStatus.FeaturesOk) != 0)
        {
            return false;
        }

        int shift = 32 * (int)_driverFeaturesSelect;
        _driverFeatures = (_driverFeatures & ~(0xFFFF_FFFFUL << shift)) | ((ulong)value << shift);
        return true;
    }

    private bool WriteLayout(ulong offset, uint value)
    {
        ref VirtqueueLayout layout = ref _layouts[_queueSelect];
        switch (offset)
        {
            case Register.QueueSize:
                layout.Size = value;
                return true;
            case Register.QueueDescriptorsLow:
                layout.Descriptors = WithLow(layout.Descriptors, value);
                return true;
            case Register.QueueDescriptorsHigh:
                layout.Descriptors = WithHigh(layout.Descriptors, value);
                return true;
            case Register.QueueDriverLow:
                layout.Available = WithLow(layout.Available, value);
                return true;
            case Register.QueueDriverHigh:
                layout.Available = WithHigh(layout.Available, value);
                return true;
            case Register.QueueDeviceLow:
                layout.Used = WithLow(layout.Used, value);
                return true;
            case Register.QueueDeviceHigh:
                layout.Used = WithHigh(layout.Used, value);
                return true;
            default:
                return false;
        }
    }

    private static ulong WithLow(ulong address, uint value) => (address & 0xFFFF_FFFF_0000_0000) | value;

    private static ulong WithHigh(ulong address, uint value) => (uint)address | ((ulong)value << 32);

    private bool WriteQueueReady(uint value)
    {
        Virtqueue queue = _queues[_queueSelect];
        if (value == 0)
        {
            queue.Reset();
            return true;
        }

        if (value != 1 || queue.IsReady)
        {
            return false;
        }

        queue.Enable(_layouts[_queueSelect], _driverFeatures);
        Settle(queue);
        if (queue.IsReady && IsRunning)
        {
            _kicks[queue.Index].Fd.Signal();
        }

        return queue.IsReady;
    }

    private bool WriteStatus(uint value)
    {
        lock (Gate)
        {
            if (value == 0)
            {
                Reset();
                return true;
            }

            VirtioStatus current = Status;
            VirtioStatus wanted = (VirtioStatus)value & GuestBits;
            if ((current & GuestBits & ~wanted) != 0)
            {
                return false; // only a reset clears a bit (2.1.1)
            }

            VirtioStatus next = current | wanted;
            if ((wanted & VirtioStatus.FeaturesOk) != 0 && ((next & VirtioStatus.Driver) == 0 || !AcceptsFeatures()))
            {
                next &= ~VirtioStatus.FeaturesOk;
            }

            if ((next & VirtioStatus.FeaturesOk) == 0 || (next & VirtioStatus.NeedsReset) != 0)
            {
                next = (next & ~VirtioStatus.DriverOk) | (current & VirtioStatus.DriverOk);
            }

            Volatile.Write(ref _status, (uint)next);
            if ((next & ~current & VirtioStatus.DriverOk) != 0)
            {
                Activate();
            }

            return (wanted & ~next) == 0;
        }
    }

    /// <summary>The driver may take a part of what is offered, but never without VERSION_1, nor, in an encrypted guest, without
    /// ACCESS_PLATFORM: it would hand over private pages.</summary>
    private bool AcceptsFeatures()
    {
        ulong needed = VirtioFeatures.Version1 | (_guard.IsEncrypted ? VirtioFeatures.AccessPlatform : 0);
        return (_driverFeatures & ~_offeredFeatures) == 0 && (_driverFeatures & needed) == needed;
    }

    private void Activate()
    {
        _device.OnActivated(_driverFeatures);

        // What was made available before now may never be notified.
        foreach (QueueKick kick in _kicks)
        {
            kick.Fd.Signal();
        }
    }

    private void Reset()
    {
        _device.Statistics.Resets += Status == VirtioStatus.None ? 0 : 1;
        _device.OnReset();
        foreach (Virtqueue queue in _queues)
        {
            queue.Reset();
        }

        Array.Clear(_layouts);
        _driverFeatures = 0;
        _deviceFeaturesSelect = 0;
        _driverFeaturesSelect = 0;
        _queueSelect = 0;
        Volatile.Write(ref _interruptStatus, 0);
        Volatile.Write(ref _status, 0);
    }
}
