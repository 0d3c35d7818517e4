using System.Globalization;
using System.Net.Sockets;
using System.Text;
using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>One stream between a port of the guest and a Unix socket of the host. Used under the device's gate.</summary>
/// <remarks>
/// Memory is bounded by credit: the guest may send <see cref="BufferSize"/> bytes that the host has not taken, and the host's socket is
/// read only as far as the guest has said that it has room.
/// </remarks>
internal sealed class VsockConnection : IReadyHandler, IDisposable
{
    /// <summary>Bytes from the guest that wait for the host at most.</summary>
    internal const int BufferSize = 64 * 1024;

    private const int LongestGreeting = 32;
    private const string GreetingWord = "CONNECT ";

    private readonly VirtioVsock _device;
    private readonly Socket _socket;
    private readonly EventLoop _loop;
    private readonly int _token;
    private readonly byte[] _waiting = new byte[BufferSize];
    private int _waitingStart;
    private int _waitingEnd;
    private uint _sentToGuest;
    private uint _guestForwarded;
    private uint _guestBufferSize;
    private uint _lastToldForwarded;
    private bool _hasHostEnded;
    private bool _hasGuestEnded;
    private bool _isGuestDeaf;
    private bool _isWatched = true;
    private EpollEvents _armed;

    /// <param name="device">The device.</param>
    /// <param name="loop">Watches the socket.</param>
    /// <param name="socket">The host's side, owned from now on.</param>
    /// <param name="isFromHost">Whether the host connected: then it first says to which port.</param>
    internal VsockConnection(VirtioVsock device, EventLoop loop, Socket socket, bool isFromHost)
    {
        _device = device;
        _loop = loop;
        _socket = socket;
        socket.Blocking = false;
        IsGreeting = isFromHost;
        _armed = isFromHost ? EpollEvents.Readable : EpollEvents.None;
        _token = loop.Add(socket.SafeHandle, _armed, this);
    }

    /// <summary>The host's port.</summary>
    internal uint HostPort { get; set; }

    /// <summary>The guest's port.</summary>
    internal uint GuestPort { get; set; }

    /// <summary>Whether the host has not said yet where it wants to go.</summary>
    internal bool IsGreeting { get; private set; }

    /// <summary>Whether both sides have agreed.</summary>
    internal bool IsEstablished { get; private set; }

    /// <summary>A packet without data that the guest is to get next; <see cref="VsockOperation.Invalid"/> for none.</summary>
    internal VsockOperation Pending { get; set; }

    /// <summary>Whether it ends once <see cref="Pending"/> has been delivered.</summary>
    internal bool IsOver { get; set; }

    /// <summary>Whether the socket may have something for the guest.</summary>
    internal bool HasInput { get; private set; }

    /// <summary>Bytes that the host has taken, modulo 2^32.</summary>
    internal uint Forwarded { get; private set; }

    /// <summary>Whether the guest is to get a packet.</summary>
    internal bool HasPacket => Pending != VsockOperation.Invalid || (HasInput && Credit > 0);

    /// <summary>Bytes that the guest has room for; 0 also when what it says of itself cannot be.</summary>
    private uint Credit
    {
        get
        {
            uint underWay = unchecked(_sentToGuest - _guestForwarded);
            return underWay <= _guestBufferSize ? _guestBufferSize - underWay : 0;
        }
    }

    private StringBuilder Greeting { get; } = new(LongestGreeting);

    /// <inheritdoc/>
    public void OnReady(EpollEvents events) => _device.OnSocketReady(this, events);

    /// <summary>Takes what the guest says of its room.</summary>
    internal void TakeCredit(in VsockHeader header)
    {
        _guestBufferSize = header.BufferSize;
        _guestForwarded = header.Forwarded;
        Rearm();
    }

    /// <summary>Both sides have agreed: data may flow.</summary>
    internal void Establish()
    {
        IsEstablished = true;
        Rearm();
    }

    /// <summary>Tells the host, as Firecracker does, that the guest has accepted.</summary>
    internal void AnswerGreeting()
    {
        byte[] answer = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"OK {HostPort}\n"));
        _ = _socket.Send(answer, SocketFlags.None, out _);
    }

    /// <summary>Reads the host's greeting, byte by byte: what follows it is the guest's.</summary>
    /// <param name="port">The guest's port, when the result is true.</param>
    /// <returns>True when it is whole; null while more must come; false when it is none.</returns>
    internal bool? ReadGreeting(out uint port)
    {
        Span<byte> one = stackalloc byte[1];
        port = 0;
        while (true)
        {
            int count = _socket.Receive(one, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
            {
                return null;
            }

            if (count == 0 || Greeting.Length == LongestGreeting)
            {
                return false;
            }

            if (one[0] == '\n')
            {
                string text = Greeting.ToString();
                IsGreeting = false;
                Rearm();
                return text.StartsWith(GreetingWord, StringComparison.Ordinal)
                    && uint.TryParse(text.AsSpan(GreetingWord.Length), NumberStyles.None, CultureInfo.InvariantCulture, out port);
            }

            Greeting.Append((char)one[0]);
        }
    }

    /// <summary>Reads what the guest has room for.</summary>
    /// <param name="destination">Where to.</param>
    /// <returns>Bytes; 0 when there is nothing now. <see cref="Pending"/> says when the host has ended or is gone.</returns>
    internal int ReadForGuest(Span<byte> destination)
    {
        HasInput = false;
        int room = (int)Math.Min((uint)destination.Length, Credit);
        int count = _socket.Receive(destination[..room], SocketFlags.None, out SocketError error);
        if (error == SocketError.WouldBlock)
        {
            Rearm();
            return 0;
        }

        if (error != SocketError.Success)
        {
            End();
            return 0;
        }

        if (count == 0)
        {
            _hasHostEnded = true;
            Pending = VsockOperation.Shutdown;
            Rearm();
            return 0;
        }

        _sentToGuest += (uint)count;
        HasInput = true;
        return count;
    }

    /// <summary>Makes room for bytes of the guest.</summary>
    /// <param name="length">How many.</param>
    /// <param name="room">Where they go; call <see cref="FlushToHost"/> afterwards.</param>
    /// <returns>False when the guest sends more than it has credit for.</returns>
    internal bool TryTakeFromGuest(int length, out Span<byte> room)
    {
        if (_waitingStart > 0)
        {
            _waiting.AsSpan(_waitingStart, _waitingEnd - _waitingStart).CopyTo(_waiting);
            _waitingEnd -= _waitingStart;
            _waitingStart = 0;
        }

        room = default;
        if (length > BufferSize - _waitingEnd || _hasGuestEnded)
        {
            return false;
        }

        room = _waiting.AsSpan(_waitingEnd, length);
        _waitingEnd += length;
        return true;
    }

    /// <summary>Gives the host what it takes.</summary>
    internal void FlushToHost()
    {
        while (_waitingStart < _waitingEnd)
        {
            int count = _socket.Send(_waiting.AsSpan(_waitingStart, _waitingEnd - _waitingStart), SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
            {
                break;
            }

            if (error != SocketError.Success)
            {
                End();
                return;
            }

            _waitingStart += count;
            Forwarded += (uint)count;
        }

        // The guest hears of it when half of its credit has come back; each other packet tells it too.
        if (unchecked(Forwarded - _lastToldForwarded) >= BufferSize / 2 && Pending == VsockOperation.Invalid)
        {
            Pending = VsockOperation.CreditUpdate;
        }

        if (_hasGuestEnded && _waitingStart == _waitingEnd)
        {
            ShutDownSending();
        }

        Rearm();
    }

    /// <summary>The guest has ended one or both directions.</summary>
    /// <param name="flags">Which.</param>
    internal void TakeShutdown(uint flags)
    {
        _hasGuestEnded |= (flags & VsockHeader.NoMoreSend) != 0;
        _isGuestDeaf |= (flags & VsockHeader.NoMoreReceive) != 0;
        FlushToHost();
        if (_hasGuestEnded && _isGuestDeaf)
        {
            End();
        }
    }

    /// <summary>The guest has been told how much the host has taken.</summary>
    internal void MarkTold() => _lastToldForwarded = Forwarded;

    /// <summary>Ends the connection: the guest gets a reset, and then it is forgotten.</summary>
    internal void End()
    {
        Pending = VsockOperation.Reset;
        IsOver = true;
        Rearm();
    }

    /// <summary>Takes note of what the loop saw.</summary>
    internal void TakeEvents(EpollEvents events)
    {
        if ((events & EpollEvents.Writable) != 0)
        {
            FlushToHost();
        }

        bool isHungUp = (events & (EpollEvents.HangUp | EpollEvents.Error)) != 0;
        if (isHungUp)
        {
            Unwatch(); // the kernel would report it until the guest takes the last byte, which may be never
        }

        if (isHungUp && (!IsEstablished || _hasHostEnded || _isGuestDeaf))
        {
            End();
        }
        else if (!IsOver && IsEstablished && (isHungUp || (events & EpollEvents.Readable) != 0))
        {
            HasInput = !_hasHostEnded && !_isGuestDeaf;
        }

        Rearm();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Unwatch();
        _socket.Dispose();
    }

    private void Unwatch()
    {
        if (_isWatched)
        {
            _isWatched = false;
            _loop.Remove(_token, _socket.SafeHandle);
        }
    }

    private void ShutDownSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The host's side has gone already, which is what this tells it.
        }
    }

    private void Rearm()
    {
        EpollEvents wanted = EpollEvents.None;
        if (!IsOver)
        {
            bool mayRead = IsGreeting || (IsEstablished && !HasInput && !_hasHostEnded && !_isGuestDeaf && Credit > 0);
            wanted |= mayRead ? EpollEvents.Readable : EpollEvents.None;
            wanted |= _waitingStart < _waitingEnd ? EpollEvents.Writable : EpollEvents.None;
        }

        if (wanted != _armed && _isWatched)
        {
            _armed = wanted;
            _loop.Modify(_token, _socket.SafeHandle, wanted);
        }
    }
}
