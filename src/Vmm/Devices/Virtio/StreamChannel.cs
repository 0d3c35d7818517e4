using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Frames over a Unix stream socket, each behind its length in four bytes, big-endian: what passt and QEMU's -netdev stream
/// speak.</summary>
internal sealed class StreamChannel : IFrameChannel
{
    private const int PrefixLength = sizeof(uint);

    private readonly Socket _socket;
    private readonly byte[] _in = new byte[2 * (PrefixLength + VirtioNet.MaximumFrame)];
    private readonly byte[] _out = new byte[PrefixLength + VirtioNet.MaximumFrame];
    private int _inStart;
    private int _inEnd;
    private int _outStart;
    private int _outEnd;

    /// <param name="socket">A connected stream socket, owned from now on.</param>
    internal StreamChannel(Socket socket)
    {
        socket.Blocking = false;
        _socket = socket;
    }

    /// <inheritdoc/>
    public SafeHandle Handle => _socket.SafeHandle;

    /// <inheritdoc/>
    public bool HasUnsent => _outStart < _outEnd;

    /// <summary>Connects to a listening socket.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="InvalidInputException">There can be no socket at the path.</exception>
    /// <exception cref="SocketException">Nobody listens there.</exception>
    internal static StreamChannel Connect(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(UnixSockets.EndPointOf("--net", path));
            return new StreamChannel(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public FrameResult Receive(Span<byte> frame, out int length)
    {
        while (true)
        {
            int available = _inEnd - _inStart;
            length = 0;
            if (available >= PrefixLength)
            {
                uint announced = BinaryPrimitives.ReadUInt32BigEndian(_in.AsSpan(_inStart));
                if (announced is 0 or > VirtioNet.MaximumFrame)
                {
                    return FrameResult.Gone; // not this protocol; nothing after it can be told apart
                }

                if (available >= PrefixLength + (int)announced)
                {
                    length = (int)announced;
                    _in.AsSpan(_inStart + PrefixLength, length).CopyTo(frame);
                    _inStart += PrefixLength + length;
                    return FrameResult.Done;
                }
            }

            FrameResult result = Fill();
            if (result != FrameResult.Done)
            {
                return result;
            }
        }
    }

    /// <inheritdoc/>
    public FrameResult Send(ReadOnlySpan<byte> frame)
    {
        FrameResult before = Flush();
        if (before != FrameResult.Done)
        {
            return before;
        }

        BinaryPrimitives.WriteUInt32BigEndian(_out, (uint)frame.Length);
        frame.CopyTo(_out.AsSpan(PrefixLength));
        _outStart = 0;
        _outEnd = PrefixLength + frame.Length;

        // Taken: what the socket does not take now waits here.
        return Flush() == FrameResult.Gone ? FrameResult.Gone : FrameResult.Done;
    }

    /// <inheritdoc/>
    public FrameResult Flush()
    {
        while (_outStart < _outEnd)
        {
            int count = _socket.Send(_out.AsSpan(_outStart, _outEnd - _outStart), SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
            {
                return FrameResult.Later;
            }

            if (error != SocketError.Success)
            {
                return FrameResult.Gone;
            }

            _outStart += count;
        }

        return FrameResult.Done;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private FrameResult Fill()
    {
        if (_inStart > 0)
        {
            _in.AsSpan(_inStart, _inEnd - _inStart).CopyTo(_in);
            _inEnd -= _inStart;
            _inStart = 0;
        }

        int count = _socket.Receive(_in.AsSpan(_inEnd), SocketFlags.None, out SocketError error);
        if (error == SocketError.WouldBlock)
        {
            return FrameResult.Later;
        }

        if (error != SocketError.Success || count == 0)
        {
            return FrameResult.Gone;
        }

        _inEnd += count;
        return FrameResult.Done;
    }
}
