using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>virtio-vsock: the tests play the guest's socket layer and the host's program.</summary>
public sealed class VsockTests : IDisposable
{
    private const ulong ReceiveBuffer = 0x20_0000;
    private const ulong TransmitBuffer = 0x30_0000;
    private const uint GuestCid = 3;
    private const uint GuestPort = 1234;
    private const uint GuestBufferSize = 256 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-vsock-").FullName;
    private readonly VirtioBench _bench;
    private ushort _nextReceive;

    public VsockTests()
    {
        _bench = new VirtioBench(new VirtioVsock("vsock", GuestCid, SocketPath));
        _bench.Driver.Start(size: 8);
        _bench.StartLoop();
        for (int i = 0; i < 8; i++)
        {
            OfferReceiveBuffer();
        }
    }

    private string SocketPath => Path.Combine(_folder, "v.sock");

    public void Dispose()
    {
        _bench.Dispose();
        Assert.False(File.Exists(SocketPath), "the socket was left behind");
        Directory.Delete(_folder, recursive: true);
    }

    private void OfferReceiveBuffer()
    {
        ushort head = (ushort)(_nextReceive++ % 8);
        _bench.Driver.SetChain(0, head, new DriverBuffer(ReceiveBuffer + (0x2000UL * head), 0x2000, true));
        _bench.Driver.Offer(0, head);
        _bench.Driver.Write(Register.QueueNotify, 0);
    }

    private void Send(VsockOperation operation, uint hostPort, ReadOnlySpan<byte> data = default, uint flags = 0, uint forwarded = 0)
    {
        byte[] header = new byte[VsockHeader.Size];
        new VsockHeader
        {
            SourceCid = GuestCid,
            DestinationCid = VirtioVsock.HostCid,
            SourcePort = GuestPort,
            DestinationPort = hostPort,
            Length = (uint)data.Length,
            Type = VsockHeader.StreamType,
            Operation = operation,
            Flags = flags,
            BufferSize = GuestBufferSize,
            Forwarded = forwarded,
        }.Write(header);
        _bench.Memory.Write(new Gpa(TransmitBuffer), header);
        _bench.Memory.Write(new Gpa(TransmitBuffer + VsockHeader.Size), data);
        _bench.Driver.SetChain(1, 0, new DriverBuffer(TransmitBuffer, VsockHeader.Size + (uint)data.Length, false));
        _bench.Driver.Offer(1, 0);
        _bench.Driver.Write(Register.QueueNotify, 1);
        Assert.True(
            SpinWait.SpinUntil(() => _bench.Driver.TryTakeUsed(1, out _, out _), TimeSpan.FromSeconds(30)),
            $"{operation} was not taken");
    }

    private VsockHeader Receive(out byte[] data)
    {
        uint head = 0;
        uint written = 0;
        Assert.True(
            SpinWait.SpinUntil(() => _bench.Driver.TryTakeUsed(0, out head, out written), TimeSpan.FromSeconds(30)), "no packet came");
        ReadOnlySpan<byte> bytes = _bench.Memory.GetReadOnlySpan(new Gpa(ReceiveBuffer + (0x2000UL * head)), (int)written);
        VsockHeader header = VsockHeader.Read(bytes);
        data = bytes[VsockHeader.Size..].ToArray();
        Assert.Equal(header.Length, (uint)data.Length);
        Assert.Equal((VirtioVsock.HostCid, (ulong)GuestCid), ((uint)header.SourceCid, header.DestinationCid));
        OfferReceiveBuffer();
        return header;
    }

    private VsockHeader Receive(VsockOperation expected)
    {
        VsockHeader header = Receive(out _);
        Assert.Equal(expected, header.Operation);
        return header;
    }

    private Socket Connect(out uint hostPort)
    {
        Socket host = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        host.Connect(new UnixDomainSocketEndPoint(SocketPath));
        _ = host.Send(Encoding.ASCII.GetBytes($"CONNECT {GuestPort}\n"));
        VsockHeader request = Receive(VsockOperation.Request);
        Assert.Equal(GuestPort, request.DestinationPort);
        hostPort = request.SourcePort;
        Send(VsockOperation.Response, hostPort);
        Assert.Equal($"OK {hostPort}\n", Encoding.ASCII.GetString(Read(host, $"OK {hostPort}\n".Length)));
        return host;
    }

    private static byte[] Read(Socket socket, int count)
    {
        byte[] bytes = new byte[count];
        for (int got = 0; got < count;)
        {
            int now = socket.Receive(bytes.AsSpan(got));
            Assert.NotEqual(0, now);
            got += now;
        }

        return bytes;
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Socket_IsForThisUserOnly() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));

    [Fact]
    public void Host_ThatConnects_ExchangesBytesWithTheGuest()
    {
        using Socket host = Connect(out uint port);

        _ = host.Send("to the guest"u8);
        Assert.Equal(VsockOperation.Data, Receive(out byte[] data).Operation);
        Assert.Equal("to the guest"u8.ToArray(), data);
        Send(VsockOperation.Data, port, "to the host"u8);
        Assert.Equal("to the host"u8.ToArray(), Read(host, 11));
    }

    [Fact]
    public void Bytes_ManyTimesTheCredit_ArriveInOrder()
    {
        using Socket host = Connect(out uint port);
        byte[] sent = new byte[4 << 20];
        new Random(3).NextBytes(sent);
        var writer = new Thread(() =>
        {
            for (int at = 0; at < sent.Length;)
            {
                at += host.Send(sent.AsSpan(at));
            }
        });
        writer.Start();
        byte[] received = new byte[sent.Length];
        uint got = 0;
        uint told = 0;
        while (got < received.Length)
        {
            VsockHeader header = Receive(out byte[] data);
            Assert.Equal(VsockOperation.Data, header.Operation);
            data.CopyTo(received, got);
            got += (uint)data.Length;
            Assert.True(got - told <= GuestBufferSize, "more came than there was room for");
            if (got - told > GuestBufferSize / 2)
            {
                Send(VsockOperation.CreditUpdate, port, forwarded: told = got);
            }
        }

        writer.Join();
        Assert.Equal(sent, received);
    }

    [Fact]
    public void Guest_ThatConnects_ReachesTheSocketOfThatPort()
    {
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath + "_77"));
        listener.Listen();

        Send(VsockOperation.Request, 77);
        Assert.Equal(77u, Receive(VsockOperation.Response).SourcePort);
        using Socket host = listener.Accept();
        host.ReceiveTimeout = 30_000;
        Send(VsockOperation.Data, 77, "hello"u8);
        Assert.Equal("hello"u8.ToArray(), Read(host, 5));
    }

    [Fact]
    public void Guest_ThatConnectsWhereNobodyListens_IsReset()
    {
        Send(VsockOperation.Request, 78);
        Assert.Equal(78u, Receive(VsockOperation.Reset).SourcePort);
    }

    [Fact]
    public void Guest_ThatSpeaksOfNoConnection_IsReset()
    {
        Send(VsockOperation.Data, 5, "?"u8);
        _ = Receive(VsockOperation.Reset);
    }

    [Fact]
    public void Host_ThatSpeaksAnotherProtocol_IsLeft()
    {
        using Socket host = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        host.Connect(new UnixDomainSocketEndPoint(SocketPath));
        _ = host.Send("GET / HTTP/1.1\n"u8);

        Assert.Equal(0, host.Receive(new byte[1], SocketFlags.None, out _));
    }

    [Fact]
    public void Host_ThatEnds_IsToldToTheGuest_WhoMayStillSend()
    {
        using Socket host = Connect(out uint port);
        host.Shutdown(SocketShutdown.Send);
        Assert.Equal(VsockHeader.NoMoreSend, Receive(VsockOperation.Shutdown).Flags);

        Send(VsockOperation.Data, port, "still"u8);
        Assert.Equal("still"u8.ToArray(), Read(host, 5));
    }

    [Fact]
    public void Host_ThatIsKilled_GivesTheGuestAReset()
    {
        Socket host = Connect(out uint port);
        host.Dispose();

        _ = Receive(VsockOperation.Shutdown);
        Send(VsockOperation.Data, port, "lost"u8);
        _ = Receive(VsockOperation.Reset);
    }

    [Fact]
    public void Host_ThatIsKilledInTheMiddleOfATransfer_GivesTheGuestAReset_AndTheNextOneIsServed()
    {
        Socket host = Connect(out uint port);

        // Both ways something is under way: the host never reads, and sends more than the guest has buffers for.
        byte[] data = new byte[32 << 10];
        Send(VsockOperation.Data, port, data);
        host.Blocking = false;
        SocketError error = SocketError.Success;
        while (error == SocketError.Success)
        {
            _ = host.Send(data, SocketFlags.None, out error);
        }

        Assert.Equal(SocketError.WouldBlock, error);
        host.Dispose();

        // It may be more than the guest has room for at once.
        uint got = 0;
        uint told = 0;
        VsockHeader header = Receive(out _);
        while (header.Operation is VsockOperation.Data or VsockOperation.CreditUpdate)
        {
            got += header.Length;
            if (got - told > GuestBufferSize / 2)
            {
                Send(VsockOperation.CreditUpdate, port, forwarded: told = got);
            }

            header = Receive(out _);
        }

        Assert.Equal((VsockOperation.Reset, port), (header.Operation, header.SourcePort));
        Assert.True(got > 8 * 0x2000, $"only {got} bytes came");
        Send(VsockOperation.Data, port, "lost"u8); // the guest's packets of a connection that is over
        Assert.Equal(port, Receive(VsockOperation.Reset).SourcePort);

        using Socket next = Connect(out uint nextPort);
        Send(VsockOperation.Data, nextPort, "next"u8);
        Assert.Equal("next"u8.ToArray(), Read(next, 4));
    }

    [Fact]
    public void Guest_ThatEndsBothWays_ClosesTheHostsSocket()
    {
        using Socket host = Connect(out uint port);
        Send(VsockOperation.Shutdown, port, flags: 3);

        _ = Receive(VsockOperation.Reset);
        Assert.Equal(0, host.Receive(new byte[1], SocketFlags.None, out _));
    }

    [Fact]
    public void Guest_ThatIgnoresItsCredit_IsReset()
    {
        using Socket host = Connect(out uint port);
        byte[] data = new byte[32 << 10];
        for (int i = 0; i < 64; i++)
        {
            Send(VsockOperation.Data, port, data);
        }

        VsockOperation last = VsockOperation.Invalid;
        while (last != VsockOperation.Reset)
        {
            last = Receive(out _).Operation;
            Assert.True(last is VsockOperation.CreditUpdate or VsockOperation.Reset);
        }
    }

    [Fact]
    public void Reset_OfTheDevice_ClosesEveryConnection()
    {
        using Socket host = Connect(out _);
        _bench.Driver.Write(Register.Status, 0);

        Assert.Equal(0, host.Receive(new byte[1], SocketFlags.None, out _));
    }
}
