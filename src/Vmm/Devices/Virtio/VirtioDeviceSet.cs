using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>All virtio devices of a machine, with their threads: one for each disk, whose I/O waits, and one for all others.</summary>
public sealed class VirtioDeviceSet : IDisposable
{
    private const uint NotifyWidth = 4;

    private readonly List<EventLoop> _loops = [];
    private readonly List<VirtioMmioTransport> _transports = [];
    private readonly List<IDisposable> _parts = [];

    private VirtioDeviceSet()
    {
    }

    /// <summary>Makes the devices of a plan, puts their registers on the bus, connects doorbells and interrupts to the kernel.</summary>
    /// <param name="config">What the devices are.</param>
    /// <param name="plan">Where they are.</param>
    /// <param name="vm">The VM, its interrupt controllers created.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="tracker">What the guest has shared; null for a guest without memory encryption.</param>
    /// <param name="console">The console, exactly when the plan has one; owned from now on.</param>
    /// <param name="bus">Memory-mapped I/O, not frozen yet.</param>
    /// <param name="log">For what guest and host do wrong.</param>
    /// <param name="onFailure">Called when a device's thread ends by an exception.</param>
    /// <exception cref="FileNotFoundException">There is no such disk image.</exception>
    /// <exception cref="UnauthorizedAccessException">A disk image may not be opened.</exception>
    /// <exception cref="KvmException">The kernel refused something else.</exception>
    public static VirtioDeviceSet Attach(
        VmConfig config,
        DevicePlan plan,
        KvmVm vm,
        GuestMemory memory,
        SharedRegionTracker? tracker,
        VirtioConsole? console,
        IoBus bus,
        BoundedLog log,
        Action<Exception> onFailure)
    {
        var set = new VirtioDeviceSet();
        try
        {
            var guard = new SharedMemoryGuard(memory, tracker);
            int next = 0;
            foreach (DiskConfig disk in config.Disks)
            {
                VirtioPlacement place = plan.VirtioDevices[next++];
                var device = new VirtioBlock(place.Name, OpenDisk(disk), disk.QueueCount, log);
                set._parts.Add(device);
                set.Connect(device, place, set.AddLoop(place.Name, onFailure), vm, memory, guard, bus, log);
            }

            EventLoop shared = set.AddLoop("io", onFailure);
            foreach (NetConfig card in config.NetworkCards)
            {
                VirtioPlacement place = plan.VirtioDevices[next++];
                var device = new VirtioNet(place.Name, ChooseMac(card), OpenChannel(card), log);
                set._parts.Add(device);
                set.Connect(device, place, shared, vm, memory, guard, bus, log);
            }

            if (config.Vsock is VsockConfig vsock)
            {
                VirtioPlacement place = plan.VirtioDevices[next++];
                VirtioVsock device = OpenVsock(place.Name, vsock);
                set._parts.Add(device);
                set.Connect(device, place, shared, vm, memory, guard, bus, log);
            }

            if (config.HasRng)
            {
                VirtioPlacement place = plan.VirtioDevices[next++];
                set.Connect(new VirtioRng(place.Name), place, shared, vm, memory, guard, bus, log);
            }

            if (console is not null)
            {
                set.Connect(console, plan.VirtioDevices[next], shared, vm, memory, guard, bus, log);
                set._parts.Add(console); // behind its transport, so disposed before it: its timer rings the transport's doorbell
            }

            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Starts the devices' threads.</summary>
    public void Start()
    {
        foreach (EventLoop loop in _loops)
        {
            loop.Start();
        }
    }

    /// <summary>Has the devices' threads stand still: from then on no device touches the guest's memory.</summary>
    /// <param name="remaining">The time left, zero when it is over; asked for each thread.</param>
    /// <returns>The name of a thread that did not stop in time, or null.</returns>
    public string? Pause(Func<TimeSpan> remaining) => _loops.FirstOrDefault(loop => !loop.Pause(remaining()))?.Name;

    /// <summary>Lets the devices' threads go on.</summary>
    public void Resume()
    {
        foreach (EventLoop loop in _loops)
        {
            loop.Resume();
        }
    }

    /// <summary>What each device has done so far. Waits for nobody, whatever a device is busy with.</summary>
    public IReadOnlyList<VirtioDeviceReport> Describe() => [.. _transports.Select(static transport => new VirtioDeviceReport
    {
        Name = transport.Device.Name,
        Type = transport.Device.Type.ToString().ToLowerInvariant(),
        IsInUse = (transport.Status & VirtioStatus.DriverOk) != 0,
        Requests = transport.CompletedChains,
        Interrupts = transport.Device.Statistics.Interrupts,
        BytesToGuest = transport.Device.Statistics.BytesToGuest,
        BytesFromGuest = transport.Device.Statistics.BytesFromGuest,
        HostErrors = transport.Device.Statistics.HostErrors,
        GuardViolations = transport.Device.Statistics.GuardViolations,
        ProtocolErrors = transport.Device.Statistics.ProtocolErrors,
        RefusedAccesses = transport.Device.Statistics.RefusedAccesses,
        Resets = transport.Device.Statistics.Resets,
    })];

    /// <summary>What the guard refused last of each device that had something refused.</summary>
    internal IReadOnlyList<GuardViolation> GetLatestViolations() =>
        [.. _transports.Select(static transport => transport.LatestViolation).OfType<GuardViolation>()];

    /// <summary>Labels for the map: the pages of the queues that are in use, but for those of a device whose request is stuck.</summary>
    /// <param name="isStill">Whether the guest stands still: then the buffers that it has offered are named too.</param>
    public IReadOnlyList<LabelledRange> GetQueueLabels(bool isStill) =>
        QueueLabels.Collect(_transports, isStill ? QueueLabels.MostBuffersOfAQueue : 0);

    /// <summary>Ends the threads, then closes what they used. The vCPU threads have ended before.</summary>
    public void Dispose()
    {
        foreach (EventLoop loop in _loops)
        {
            loop.End();
        }

        // A device takes what it watches off its loop, whose thread has ended but which is still there.
        foreach (IDisposable part in Enumerable.Reverse(_parts).Concat(_loops))
        {
            part.Dispose();
        }

        _loops.Clear();
        _parts.Clear();
    }

    private static DiskFile OpenDisk(DiskConfig disk)
    {
        DiskFile file;
        try
        {
            file = DiskFile.Open(disk.Path, disk.IsReadOnly);
        }
        catch (KvmException error) when (error.Errno == Errno.ENOENT)
        {
            throw new FileNotFoundException($"--disk: there is no file '{disk.Path}'", disk.Path, error);
        }
        catch (KvmException error) when (error.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
        {
            string purpose = disk.IsReadOnly ? "reading" : "writing";
            throw new UnauthorizedAccessException($"--disk: '{disk.Path}' may not be opened for {purpose}", error);
        }
        catch (KvmException error) when (error.Errno is Errno.EISDIR or Errno.ESPIPE or Errno.ENXIO)
        {
            throw new InvalidInputException("--disk", disk.Path, "is neither a file nor a block device", error);
        }

        if (file.Length < VirtioBlock.SectorSize)
        {
            long length = file.Length;
            file.Dispose();
            throw new InvalidInputException(
                "--disk", disk.Path, $"has {length} bytes; a disk has at least one sector of {VirtioBlock.SectorSize}");
        }

        return file;
    }

    private static ReadOnlySpan<byte> ChooseMac(NetConfig card)
    {
        if (card.Mac is ReadOnlyMemory<byte> chosen)
        {
            return chosen.Span;
        }

        // Two guests on one bridge must not have the same: random, locally administered, for one station.
        byte[] mac = new byte[6];
        SystemRandom.Fill(mac);
        mac[0] = (byte)((mac[0] & 0xFC) | 2);
        return mac;
    }

    private static IFrameChannel OpenChannel(NetConfig card)
    {
        if (card.Tap is string tap)
        {
            return new TapChannel(TapDevice.Open(tap));
        }

        try
        {
            return StreamChannel.Connect(card.SocketPath!);
        }
        catch (SocketException error)
        {
            throw new IOException($"--net: nobody listens at the socket '{card.SocketPath}': {error.Message}", error);
        }
    }

    private static VirtioVsock OpenVsock(string name, VsockConfig config)
    {
        try
        {
            return new VirtioVsock(name, config.Cid, config.SocketPath);
        }
        catch (SocketException error)
        {
            throw new IOException($"--vsock: no socket can be made at '{config.SocketPath}': {error.Message}", error);
        }
    }

    private EventLoop AddLoop(string name, Action<Exception> onFailure)
    {
        var loop = new EventLoop(name) { Failed = onFailure };
        _loops.Add(loop);
        return loop;
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "Everything made here goes into the set, which disposes it.")]
    private void Connect(
        VirtioDevice device,
        VirtioPlacement place,
        EventLoop loop,
        KvmVm vm,
        GuestMemory memory,
        SharedMemoryGuard guard,
        IoBus bus,
        BoundedLog log)
    {
        var interrupt = new IrqFdPulse(vm, place.Gsi);
        _parts.Add(interrupt);
        var transport = new VirtioMmioTransport(device, memory, guard, interrupt, loop, log);
        _parts.Add(transport);
        _transports.Add(transport);
        bus.Register(place.Window.Start.Value, place.Window.Length, transport, device.Name);

        // The value written is the queue's number, so each queue has a doorbell of its own. Registers are shared memory to an encrypted
        // guest too; a private access, at the C-bit's alias, meets no device at all.
        for (int queue = 0; queue < device.QueueCount; queue++)
        {
            vm.AssignIoEventFd(
                transport.GetKick(queue),
                place.Window.Start.Value + VirtioMmioRegister.QueueNotify,
                NotifyWidth,
                isPio: false,
                (ulong)queue);
        }
    }
}
