using System.Buffers.Binary;
using System.Net.Sockets;
using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Serilog.Core;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>virtio-net over a stream socket, whose other end the tests hold.</summary>
public sealed class NetTests : IDisposable
{
    private const ulong ReceiveBuffer = 0x20_0000;
    private const ulong TransmitBuffer = 0x30_0000;
    private static readonly byte[] Mac = [2, 0, 0, 0, 0, 7];

    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-net-").FullName;
    private readonly Socket _peer;
    private readonly VirtioBench _bench;

    public NetTests()
    {
        string path = Path.Combine(_folder, "net.sock");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        _bench = new VirtioBench(new VirtioNet("net0", Mac, StreamChannel.Connect(path), new BoundedLog(Logger.None)));
        _peer = listener.Accept();
        _peer.ReceiveTimeout = 30_000;
    }

    public void Dispose()
    {
        _bench.Dispose();
        _peer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static byte[] Frame(int length, int seed)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    [Fact]
    public void Socket_WhosePathIsTooLong_IsRefused() =>
        Assert.Equal("--net", Assert.Throws<InvalidInputException>(() => StreamChannel.Connect(new string('a', 200))).Input);

    private void SendToGuest(ReadOnlySpan<byte> frame)
    {
        byte[] message = new byte[4 + frame.Length];
        BinaryPrimitives.WriteUInt32BigEndian(message, (uint)frame.Length);
        frame.CopyTo(message.AsSpan(4));
        int sent = 0;
        while (sent < message.Length)
        {
            sent += _peer.Send(message.AsSpan(sent));
        }
    }

    private byte[] ReceiveFromGuest()
    {
        byte[] length = ReceiveExactly(4);
        return ReceiveExactly(BinaryPrimitives.ReadInt32BigEndian(length));
    }

    private byte[] ReceiveExactly(int count)
    {
        byte[] bytes = new byte[count];
        for (int got = 0; got < count;)
        {
            int now = _peer.Receive(bytes.AsSpan(got));
            Assert.NotEqual(0, now);
            got += now;
        }

        return bytes;
    }

    private uint? Transmit(ReadOnlySpan<byte> frame)
    {
        _bench.Memory.GetSpan(new Gpa(TransmitBuffer), 12).Clear();
        _bench.Memory.Write(new Gpa(TransmitBuffer + 12), frame);
        return _bench.Driver.Send(1, new DriverBuffer(TransmitBuffer, 12 + (uint)frame.Length, false));
    }

    private void OfferReceiveBuffer(ushort head, uint length = 2048)
    {
        _bench.Driver.SetChain(0, head, new DriverBuffer(ReceiveBuffer + (0x1000UL * head), length, true));
        _bench.Driver.Offer(0, head);
        _bench.Driver.Write(Register.QueueNotify, 0);
    }

    private bool TryWaitForUsed(int queue, out uint head, out uint written)
    {
        uint gotHead = 0;
        uint gotWritten = 0;
        bool isThere = SpinWait.SpinUntil(
            () => _bench.Driver.TryTakeUsed(queue, out gotHead, out gotWritten), TimeSpan.FromSeconds(30));
        (head, written) = (gotHead, gotWritten);
        return isThere;
    }

    [Fact]
    public void Config_HoldsTheAddressAndALinkThatIsUp()
    {
        byte[] config = new byte[12];
        _bench.Device.ReadConfig(0, config);

        Assert.Equal(Mac, config[..6]);
        Assert.Equal(1, config[6]);
        Assert.Equal((1UL << 5) | (1UL << 16), _bench.Device.Features);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(9000)]
    [InlineData(VirtioNet.MaximumFrame)]
    public void Transmit_GivesTheFrameBehindItsLength(int length)
    {
        _bench.Driver.Start();
        byte[] frame = Frame(length, length);

        // A large frame may wait in the device for the socket: the loop carries it on.
        _bench.StartLoop();
        _bench.Memory.GetSpan(new Gpa(TransmitBuffer), 12).Clear();
        _bench.Memory.Write(new Gpa(TransmitBuffer + 12), frame);
        _bench.Driver.SetChain(
            1, 0, new DriverBuffer(TransmitBuffer, 12, false), new DriverBuffer(TransmitBuffer + 12, (uint)length, false));
        _bench.Driver.Offer(1, 0);
        _bench.Driver.Write(Register.QueueNotify, 1);

        Assert.Equal(frame, ReceiveFromGuest());
        Assert.True(TryWaitForUsed(1, out _, out uint written));
        Assert.Equal(0u, written);
    }

    [Fact]
    public void Receive_GivesEachFrameABuffer_BehindAHeader()
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        for (ushort i = 0; i < 4; i++)
        {
            OfferReceiveBuffer(i);
        }

        for (int i = 0; i < 4; i++)
        {
            byte[] frame = Frame(100 + (300 * i), i);
            SendToGuest(frame);
            Assert.True(TryWaitForUsed(0, out uint head, out uint written), $"frame {i}");
            Assert.Equal((uint)frame.Length + 12, written);
            ReadOnlySpan<byte> buffer = _bench.Memory.GetReadOnlySpan(new Gpa(ReceiveBuffer + (0x1000UL * head)), (int)written);
            Assert.True(buffer[..12].SequenceEqual((byte[])[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
            Assert.True(buffer[12..].SequenceEqual(frame));
        }
    }

    [Fact]
    public void Receive_WithoutBuffers_WaitsForThem()
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        byte[] frame = Frame(200, 5);
        SendToGuest(frame);
        SendToGuest(frame);

        OfferReceiveBuffer(3);
        Assert.True(TryWaitForUsed(0, out uint first, out _));
        OfferReceiveBuffer(5);
        Assert.True(TryWaitForUsed(0, out uint second, out uint written));

        Assert.Equal((3u, 5u, 212u), (first, second, written));
    }

    [Fact]
    public void Receive_FrameLargerThanTheBuffer_IsLost_AndTheBufferServesTheNext()
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        OfferReceiveBuffer(0, 100);
        SendToGuest(Frame(89, 1));
        SendToGuest(Frame(88, 2));

        Assert.True(TryWaitForUsed(0, out _, out uint written));
        Assert.Equal(100u, written);
        Assert.Equal(1, _bench.Device.Statistics.HostErrors);
    }

    [Fact]
    public void Transmit_ToAPeerThatDoesNotRead_WaitsAndThenGoesOn()
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        byte[] frame = Frame(60_000, 9);
        _bench.Memory.GetSpan(new Gpa(TransmitBuffer), 12).Clear();
        _bench.Memory.Write(new Gpa(TransmitBuffer + 12), frame);
        _bench.Driver.SetChain(1, 0, new DriverBuffer(TransmitBuffer, 12 + (uint)frame.Length, false));
        for (int i = 0; i < 16; i++)
        {
            _bench.Driver.Offer(1, 0);
        }

        _bench.Driver.Write(Register.QueueNotify, 1);
        Thread.Sleep(100);

        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(frame, ReceiveFromGuest());
            Assert.True(TryWaitForUsed(1, out _, out _), $"frame {i}");
        }
    }

    [Fact]
    public void Peer_ThatGoes_TakesTheLinkDown_AndTheGuestIsTold()
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        OfferReceiveBuffer(0);

        _peer.Dispose();

        Assert.True(SpinWait.SpinUntil(() => (_bench.Driver.Read(Register.InterruptStatus) & 2) != 0, TimeSpan.FromSeconds(30)));
        byte[] status = new byte[2];
        _bench.Device.ReadConfig(6, status);
        Assert.Equal([0, 0], status);
        Assert.NotEqual(0u, _bench.Driver.Read(Register.ConfigGeneration));
    }

    [Fact]
    public void Peer_ThatGoes_MakesFramesVanish_AndTheDeviceGoesOn()
    {
        _bench.Driver.Start();
        _peer.Dispose();

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0u, Transmit(Frame(100, 1)));
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(65551u)]
    [InlineData(uint.MaxValue)]
    public void Peer_ThatSpeaksAnotherProtocol_TakesTheLinkDown(uint length)
    {
        _bench.Driver.Start();
        _bench.StartLoop();
        OfferReceiveBuffer(0);
        byte[] message = new byte[64];
        BinaryPrimitives.WriteUInt32BigEndian(message, length);

        _ = _peer.Send(message);

        Assert.True(SpinWait.SpinUntil(() => (_bench.Driver.Read(Register.InterruptStatus) & 2) != 0, TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Frames_InSteadyState_AllocateNothing()
    {
        _bench.Driver.Start();
        byte[] frame = Frame(500, 3);
        byte[] taken = new byte[504];

        Assert.Equal(0, Allocations.InBestRound(() => Send(2000)));

        void Send(int count)
        {
            for (int i = 0; i < count; i++)
            {
                if (Transmit(frame) != 0 || _peer.Receive(taken, SocketFlags.None, out _) != taken.Length)
                {
                    throw new InvalidOperationException($"frame {i} was not carried");
                }
            }
        }
    }
}
