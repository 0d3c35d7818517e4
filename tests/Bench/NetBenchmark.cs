using System.Buffers.Binary;
using System.Net.Sockets;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Serilog.Core;

namespace KvmSevVmm.Bench;

/// <summary>
/// virtio-net over its stream socket against a program that sends the same messages over such a socket itself, to the same reader; and
/// there and back, to an echo.
/// </summary>
internal static class NetBenchmark
{
    private const int HeaderLength = 12;
    private const int PrefixLength = 4;
    private const int FrameLength = 1514;
    private const int PingLength = 64;
    private const int FramesPerRound = 4000;
    private const int PingsPerRound = 300;
    private const int FramesPerKick = 80;
    private const int Rounds = 20;
    private const ushort ReceiveBuffers = 128;
    private const ulong TransmitBuffer = 0x20_0000;
    private const ulong ReceiveBuffer = 0x30_0000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Runs the benchmarks.</summary>
    /// <param name="report">Where the figures go.</param>
    public static void Run(Report report)
    {
        using var ours = new Line();
        using var plain = new Line();
        var card = new VirtioNet("net0", [2, 0, 0, 0, 0, 1], new StreamChannel(ours.Near), new BoundedLog(Logger.None));
        using var bench = new VirtioBench(card);
        bench.Driver.Start(size: 256, features: bench.Driver.ReadFeatures() & ~(1UL << 29));
        byte[] message = new byte[PrefixLength + FrameLength];
        BinaryPrimitives.WriteUInt32BigEndian(message, FrameLength);

        long allocated = 0;
        for (int round = 0; round < 2; round++)
        {
            // The steady state: the first round is forgotten.
            ours.Expect(FramesPerRound * message.Length, Peer.Reads);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < FramesPerRound; i++)
            {
                Transmit(bench);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            ours.Await();
        }

        report.Add("virtio-net, bytes allocated", allocated, 0, "B", $"in {FramesPerRound} frames");

        Prepare(bench);
        bench.StartLoop();

        // Many frames for each kick, as a busy driver has them. Where the socket is full, both ways wait for the reader.
        double ratio = Pairs.Compare(
            Rounds,
            () =>
            {
                ours.Expect(FramesPerRound * message.Length, Peer.Reads);
                for (int i = 0; i < FramesPerRound; i += FramesPerKick)
                {
                    TransmitMany(bench);
                }

                ours.Await();
            },
            () =>
            {
                plain.Expect(FramesPerRound * message.Length, Peer.Reads);
                for (int i = 0; i < FramesPerRound; i++)
                {
                    SendAll(plain.Near, message);
                }

                plain.Await();
            },
            out string detail);
        Report.Tell(
            "virtio-net, frames of 1514 B out / socket",
            ratio,
            "ratio",
            $"{FramesPerKick} for each kick, by the device's thread; {detail}");

        bench.Transport.GetKick(0).Signal();
        byte[] chunk = new byte[64 << 10];
        ratio = Pairs.Compare(
            Rounds,
            () =>
            {
                ours.Expect(FramesPerRound * message.Length, Peer.Writes);
                ReceiveFrames(bench);
                ours.Await();
            },
            () =>
            {
                plain.Expect(FramesPerRound * message.Length, Peer.Writes);
                ReceiveAll(plain.Near, FramesPerRound * message.Length, chunk);
                plain.Await();
            },
            out detail);
        Report.Tell("virtio-net, frames of 1514 B in / socket", ratio, "ratio", $"by the device's thread; {detail}");

        // What was sent raises no interrupt.
        bench.Memory.Write(new Gpa(VirtioDriver.Available(1)), (ushort)1);
        byte[] ping = new byte[PrefixLength + PingLength];
        BinaryPrimitives.WriteUInt32BigEndian(ping, PingLength);
        ratio = Pairs.Compare(
            Rounds,
            () =>
            {
                ours.Expect(PingsPerRound * ping.Length, Peer.Echoes);
                for (int i = 0; i < PingsPerRound; i++)
                {
                    Ping(bench);
                }

                ours.Await();
            },
            () =>
            {
                plain.Expect(PingsPerRound * ping.Length, Peer.Echoes);
                for (int i = 0; i < PingsPerRound; i++)
                {
                    SendAll(plain.Near, ping);
                    ReceiveAll(plain.Near, ping.Length, chunk);
                }

                plain.Await();
            },
            out detail);
        Report.Tell(
            "virtio-net, round trip of 64 B / socket", ratio, "ratio", $"{PingsPerRound} of them, by the device's thread; {detail}");
    }

    private static void Transmit(VirtioBench bench)
    {
        bench.Driver.SetChain(1, 0, new DriverBuffer(TransmitBuffer, HeaderLength + FrameLength, false));
        bench.Driver.Offer(1, 0);
        do
        {
            bench.Transport.ProcessQueue(1);
        }
        while (!bench.Driver.TryTakeUsed(1, out _, out _));
    }

    private static void TransmitMany(VirtioBench bench)
    {
        for (ushort head = 0; head < FramesPerKick; head++)
        {
            bench.Driver.SetChain(1, head, new DriverBuffer(TransmitBuffer + (0x800UL * head), HeaderLength + FrameLength, false));
            bench.Driver.Offer(1, head);
        }

        bench.Transport.GetKick(1).Signal();
        for (int taken = 0; taken < FramesPerKick;)
        {
            if (bench.Driver.TryTakeUsed(1, out _, out _))
            {
                taken++;
            }
            else if (!bench.Interrupt.Wait(Deadline))
            {
                throw new InvalidOperationException("frames are not taken");
            }
        }
    }

    /// <summary>As Linux' driver has it: buffers for frames lie ready.</summary>
    private static void Prepare(VirtioBench bench)
    {
        for (ushort head = 0; head < ReceiveBuffers; head++)
        {
            bench.Driver.SetChain(0, head, new DriverBuffer(ReceiveBuffer + (0x800UL * head), 0x800, true));
            bench.Driver.Offer(0, head);
        }
    }

    private static void ReceiveFrames(VirtioBench bench)
    {
        for (int taken = 0; taken < FramesPerRound;)
        {
            if (bench.Driver.TryTakeUsed(0, out uint head, out uint written))
            {
                taken += written == HeaderLength + FrameLength ? 1 : throw new InvalidOperationException("another frame came");
                bench.Driver.Offer(0, (ushort)head);
                continue;
            }

            // The device may have been out of buffers.
            bench.Transport.GetKick(0).Signal();
            if (!bench.Interrupt.Wait(Deadline))
            {
                throw new InvalidOperationException("no frame came");
            }
        }
    }

    private static void Ping(VirtioBench bench)
    {
        bench.Driver.SetChain(1, 0, new DriverBuffer(TransmitBuffer, HeaderLength + PingLength, false));
        bench.Driver.Offer(1, 0);
        bench.Transport.GetKick(1).Signal();
        uint head;
        uint written;
        while (!bench.Driver.TryTakeUsed(0, out head, out written))
        {
            if (!bench.Interrupt.Wait(Deadline))
            {
                throw new InvalidOperationException("no frame came back");
            }
        }

        bench.Driver.Offer(0, (ushort)head);
        if (written != HeaderLength + PingLength || !bench.Driver.TryTakeUsed(1, out _, out _))
        {
            throw new InvalidOperationException("another frame came back");
        }
    }

    private static void SendAll(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }

    private static void ReceiveAll(Socket socket, int bytes, Span<byte> buffer)
    {
        while (bytes > 0)
        {
            int count = socket.Receive(buffer[..Math.Min(bytes, buffer.Length)]);
            bytes -= count > 0 ? count : throw new InvalidOperationException("the other end is gone");
        }
    }

    /// <summary>What the other end of a line does with the bytes that are expected.</summary>
    private enum Peer
    {
        Ends,
        Reads,
        Echoes,
        Writes,
    }

    /// <summary>A pair of connected sockets; behind the far one a thread that reads as many bytes as are expected, or sends them back, or
    /// writes so many in frames.</summary>
    private sealed class Line : IDisposable
    {
        private readonly Socket _far;
        private readonly Thread _thread;
        private readonly AutoResetEvent _start = new(initialState: false);
        private readonly AutoResetEvent _done = new(initialState: false);
        private readonly byte[] _buffer = new byte[64 << 10];
        private int _expected;
        private Peer _peer;

        public Line()
        {
            DirectoryInfo folder = Directory.CreateTempSubdirectory("kvmsev-bench-");
            var address = new UnixDomainSocketEndPoint(Path.Combine(folder.FullName, "net.sock"));
            using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(address);
            listener.Listen();
            Near = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            Near.Connect(address);
            _far = listener.Accept();
            folder.Delete(recursive: true);
            _thread = new Thread(Run) { Name = "peer", IsBackground = true };
            _thread.Start();
        }

        public Socket Near { get; }

        public void Expect(int bytes, Peer peer)
        {
            _expected = bytes;
            _peer = peer;
            _start.Set();
        }

        public void Await()
        {
            if (!_done.WaitOne(Deadline))
            {
                throw new InvalidOperationException("the peer waits for more");
            }
        }

        public void Dispose()
        {
            Expect(0, Peer.Ends);
            _thread.Join();
            Near.Dispose();
            _far.Dispose();
            _start.Dispose();
            _done.Dispose();
        }

        private void Run()
        {
            byte[] message = new byte[PrefixLength + FrameLength];
            BinaryPrimitives.WriteUInt32BigEndian(message, FrameLength);
            while (_start.WaitOne() && _peer != Peer.Ends)
            {
                for (int left = _expected; left > 0;)
                {
                    if (_peer == Peer.Writes)
                    {
                        SendAll(_far, message);
                        left -= message.Length;
                        continue;
                    }

                    int count = _far.Receive(_buffer);
                    if (_peer == Peer.Echoes)
                    {
                        SendAll(_far, _buffer.AsSpan(0, count));
                    }

                    left -= count > 0 ? count : left;
                }

                _done.Set();
            }
        }
    }
}
