using System.Globalization;
using System.Net.Sockets;
using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>virtio-vsock: streams between the guest and Unix sockets of the host, as Firecracker has them.</summary>
/// <remarks>
/// A program of the host connects to PATH, writes <c>CONNECT port\n</c> and reads <c>OK port\n</c> once the guest has accepted. A guest
/// that connects to the host's port N reaches the socket PATH_N. Source: virtio 1.2, 5.10.
/// </remarks>
public sealed class VirtioVsock : VirtioDevice, IReadyHandler, IDisposable
{
    /// <summary>The host's context id.</summary>
    public const uint HostCid = 2;

    /// <summary>The first context id that a guest can have.</summary>
    public const uint FirstGuestCid = 3;

    /// <summary>Most connections at once; each holds a buffer of 64 KiB.</summary>
    internal const int MaximumConnections = 64;

    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int MaximumData = 64 * 1024;
    private const int Backlog = 16;

    /// <summary>Resets for packets of no connection that wait at most; a guest that causes more gets fewer.</summary>
    private const int MaximumStrayResets = 64;

    private readonly uint _cid;
    private readonly string _path;
    private readonly Socket _listener;
    private readonly List<VsockConnection> _connections = [];
    private readonly Queue<(uint HostPort, uint GuestPort)> _strayResets = new(MaximumStrayResets);
    private readonly byte[] _packet = new byte[VsockHeader.Size + MaximumData];
    private VirtioMmioTransport? _transport;
    private EventLoop? _loop;
    private uint _nextHostPort = 1 << 30;
    private int _turn;

    /// <summary>Makes the device and its listening socket, which only this user may connect to.</summary>
    /// <param name="name">What logs and results call it.</param>
    /// <param name="cid">The guest's context id.</param>
    /// <param name="path">The listening socket; it must not exist.</param>
    /// <exception cref="InvalidInputException">There can be no socket at the path.</exception>
    /// <exception cref="SocketException">The socket cannot be made there.</exception>
    /// <exception cref="IOException">Its mode cannot be set.</exception>
    public VirtioVsock(string name, uint cid, string path)
        : base(VirtioDeviceType.Socket, name, queueCount: 3, configLength: 8)
    {
        _cid = cid;
        _path = path;
        SetConfig64(0, cid);
        _listener = UnixSockets.Listen(UnixSockets.EndPointOf("--vsock", path), path, Backlog);
        _listener.Blocking = false;
    }

    /// <inheritdoc/>
    public override void Attach(VirtioMmioTransport transport, EventLoop loop)
    {
        _transport = transport;
        _loop = loop;
        _ = loop.Add(_listener.SafeHandle, EpollEvents.Readable, this);
    }

    /// <inheritdoc/>
    public override void OnReset()
    {
        foreach (VsockConnection connection in _connections)
        {
            connection.Dispose();
        }

        _connections.Clear();
        _strayResets.Clear();
    }

    /// <summary>Somebody connects to the listening socket.</summary>
    /// <param name="events">What happened.</param>
    public void OnReady(EpollEvents events)
    {
        lock (_transport!.Gate)
        {
            Socket socket;
            try
            {
                socket = _listener.Accept();
            }
            catch (SocketException)
            {
                return; // gone again
            }

            if (!_transport.IsRunning || _connections.Count >= MaximumConnections)
            {
                socket.Dispose();
                return;
            }

            _connections.Add(new VsockConnection(this, _loop!, socket, isFromHost: true));
        }
    }

    /// <inheritdoc/>
    public override QueueProgress ProcessNext(Virtqueue queue) => queue.Index switch
    {
        ReceiveQueue => GiveToGuest(queue),
        TransmitQueue => TakeFromGuest(queue),
        _ => QueueProgress.Blocked, // events are for migration, of which there is none; its buffers stay
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        OnReset();
        _listener.Dispose();
        File.Delete(_path);
    }

    /// <summary>A connection's socket is ready.</summary>
    internal void OnSocketReady(VsockConnection connection, EpollEvents events)
    {
        lock (_transport!.Gate)
        {
            if (!_connections.Contains(connection))
            {
                return; // closed between the kernel's word and ours
            }

            if (connection.IsGreeting)
            {
                Greet(connection);
            }
            else
            {
                connection.TakeEvents(events);
            }
        }

        _transport.ProcessQueue(ReceiveQueue);
    }

    private void Greet(VsockConnection connection)
    {
        switch (connection.ReadGreeting(out uint port))
        {
            case true:
                connection.GuestPort = port;
                connection.HostPort = _nextHostPort++;
                connection.Pending = VsockOperation.Request;
                break;
            case false:
                Forget(connection);
                break;
        }
    }

    private void Forget(VsockConnection connection)
    {
        _ = _connections.Remove(connection);
        connection.Dispose();
    }

    private QueueProgress TakeFromGuest(Virtqueue queue)
    {
        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (chain.ReadableLength < VsockHeader.Size)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        if (!chain.TryRead(bytes))
        {
            return QueueProgress.Idle;
        }

        VsockHeader header = VsockHeader.Read(bytes);
        if (header.SourceCid == _cid)
        {
            Handle(header, chain);
        }

        queue.AddUsed(chain.Head, 0);
        if (_strayResets.Count > 0 || _connections.Exists(static connection => connection.HasPacket))
        {
            _transport!.GetKick(ReceiveQueue).Signal();
        }

        return QueueProgress.Processed;
    }

    private void Handle(in VsockHeader header, DescriptorChain chain)
    {
        VsockConnection? connection = header.DestinationCid == HostCid && header.Type == VsockHeader.StreamType
            ? Find(header.DestinationPort, header.SourcePort)
            : null;
        if (connection is null || connection.IsOver)
        {
            bool isRequest = header.Operation == VsockOperation.Request
                && connection is null
                && header.DestinationCid == HostCid
                && header.Type == VsockHeader.StreamType;
            if (!(isRequest && TryConnect(header)) && header.Operation != VsockOperation.Reset)
            {
                AddStrayReset(header);
            }

            return;
        }

        connection.TakeCredit(header);
        switch (header.Operation)
        {
            case VsockOperation.Response when !connection.IsEstablished && connection.Pending == VsockOperation.Invalid:
                connection.AnswerGreeting();
                connection.Establish();
                break;
            case VsockOperation.Data when connection.IsEstablished:
                TakeData(connection, header, chain);
                break;
            case VsockOperation.Shutdown:
                connection.TakeShutdown(header.Flags);
                break;
            case VsockOperation.Reset:
                Forget(connection);
                break;
            case VsockOperation.CreditUpdate:
                break;
            case VsockOperation.CreditRequest:
                connection.Pending = connection.Pending == VsockOperation.Invalid ? VsockOperation.CreditUpdate : connection.Pending;
                break;
            default:
                connection.End();
                break;
        }
    }

    private void TakeData(VsockConnection connection, in VsockHeader header, DescriptorChain chain)
    {
        if (header.Length > chain.ReadableLength
            || !connection.TryTakeFromGuest((int)Math.Min(header.Length, int.MaxValue), out Span<byte> room)
            || !chain.TryRead(room))
        {
            connection.End();
            return;
        }

        Statistics.BytesFromGuest += room.Length;
        connection.FlushToHost();
    }

    private bool TryConnect(in VsockHeader header)
    {
        if (_connections.Count >= MaximumConnections)
        {
            return false;
        }

        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            // A Unix socket connects at once or not at all.
            socket.Connect(new UnixDomainSocketEndPoint(string.Create(CultureInfo.InvariantCulture, $"{_path}_{header.DestinationPort}")));
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            socket.Dispose();
            Statistics.HostErrors++;
            return false;
        }

        var connection = new VsockConnection(this, _loop!, socket, isFromHost: false)
        {
            HostPort = header.DestinationPort,
            GuestPort = header.SourcePort,
            Pending = VsockOperation.Response,
        };
        _connections.Add(connection);
        connection.TakeCredit(header);
        return true;
    }

    private VsockConnection? Find(uint hostPort, uint guestPort)
    {
        foreach (VsockConnection connection in _connections)
        {
            if (connection.HostPort == hostPort && connection.GuestPort == guestPort && !connection.IsGreeting)
            {
                return connection;
            }
        }

        return null;
    }

    private void AddStrayReset(in VsockHeader header)
    {
        if (_strayResets.Count < MaximumStrayResets)
        {
            _strayResets.Enqueue((header.DestinationPort, header.SourcePort));
        }
    }

    private QueueProgress GiveToGuest(Virtqueue queue)
    {
        VsockConnection? connection = FindWithPacket();
        if (connection is null && _strayResets.Count == 0)
        {
            return QueueProgress.Blocked;
        }

        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (chain.WritableLength < VsockHeader.Size)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        int length = connection is null ? WriteStrayReset() : WritePacket(connection, chain.WritableLength);
        if (length == 0)
        {
            queue.UndoPop();
            return QueueProgress.Processed;
        }

        if (chain.TryWrite(_packet.AsSpan(0, length)))
        {
            Statistics.BytesToGuest += length - VsockHeader.Size;
            queue.AddUsed(chain.Head, (uint)length);
        }

        return QueueProgress.Processed;
    }

    /// <summary>The next connection in turn, so that one that always has data does not keep others waiting.</summary>
    private VsockConnection? FindWithPacket()
    {
        for (int i = 0; i < _connections.Count; i++)
        {
            _turn = _turn + 1 < _connections.Count ? _turn + 1 : 0;
            if (_connections[_turn].HasPacket)
            {
                return _connections[_turn];
            }
        }

        return null;
    }

    private int WriteStrayReset()
    {
        (uint hostPort, uint guestPort) = _strayResets.Dequeue();
        WriteHeader(VsockOperation.Reset, hostPort, guestPort, 0, 0, 0);
        return VsockHeader.Size;
    }

    private int WritePacket(VsockConnection connection, ulong room)
    {
        VsockOperation operation = connection.Pending;
        int length = 0;
        if (operation == VsockOperation.Invalid)
        {
            length = connection.ReadForGuest(_packet.AsSpan(VsockHeader.Size, (int)Math.Min(room - VsockHeader.Size, MaximumData)));
            if (length == 0)
            {
                return 0; // nothing after all; what else there is to tell is found in the next round
            }

            operation = VsockOperation.Data;
        }

        connection.Pending = length > 0 ? connection.Pending : VsockOperation.Invalid;
        uint flags = operation == VsockOperation.Shutdown ? VsockHeader.NoMoreSend : 0;
        WriteHeader(operation, connection.HostPort, connection.GuestPort, (uint)length, flags, connection.Forwarded);
        connection.MarkTold();
        if (operation == VsockOperation.Response)
        {
            connection.Establish();
        }

        if (operation == VsockOperation.Reset)
        {
            Forget(connection);
        }

        return VsockHeader.Size + length;
    }

    private void WriteHeader(VsockOperation operation, uint hostPort, uint guestPort, uint length, uint flags, uint forwarded) =>
        new VsockHeader
        {
            SourceCid = HostCid,
            DestinationCid = _cid,
            SourcePort = hostPort,
            DestinationPort = guestPort,
            Length = length,
            Type = VsockHeader.StreamType,
            Operation = operation,
            Flags = flags,
            BufferSize = VsockConnection.BufferSize,
            Forwarded = forwarded,
        }.Write(_packet);
}
