using System.Globalization;
using System.Net.Sockets;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>A million random operations of a hostile guest on each device: no crash, no growth, no byte that is not the device's.</summary>
/// <remarks>
/// scripts/fuzz.sh runs these for as long as one likes. KVMSEV_FUZZ_OPERATIONS says how many, KVMSEV_TEST_SEED repeats a run; what
/// KVMSEV_FUZZ_REPORT names gets the run's fingerprint.
/// </remarks>
[Collection(AloneGroup.Name)]
public sealed class QueueFuzzTests
{
    private static int Operations =>
        Environment.GetEnvironmentVariable("KVMSEV_FUZZ_OPERATIONS") is string given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : 1_000_000;

    [Fact]
    public void Rng_SurvivesAMillionOperations()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);
    }

    [Fact]
    public void Block_SurvivesAMillionOperations_AndNoPrivateByteReachesTheDisk()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(queues: 2), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);

        byte[] secret = QueueFuzzer.Secret.ToArray();
        Assert.Equal(-1, File.ReadAllBytes(disk.Path).AsSpan().IndexOf(secret));
        Assert.Equal(1 << 20, new FileInfo(disk.Path).Length);
    }

    [Fact]
    public void Net_SurvivesAMillionOperations_AndNoPrivateByteReachesThePeer()
    {
        using var channel = new LoopbackChannel();
        using var bench = new VirtioBench(
            new VirtioNet("net0", [2, 0, 0, 0, 0, 1], channel, new BoundedLog(Serilog.Core.Logger.None)), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);

        Assert.True(channel.Frames > 0, "no frame was ever sent");
        Assert.Equal(0, channel.FramesWithSecret);
    }

    [Fact]
    public void Console_SurvivesAMillionOperations_AndNoPrivateByteReachesTheHost()
    {
        var host = new EchoingHost();
        var console = new VirtioConsole("console", host, (80, 25), new BoundedLog(Serilog.Core.Logger.None))
        {
            Patience = TimeSpan.FromMicroseconds(20),
        };
        host.Console = console;
        using var bench = new VirtioBench(console, isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()) { WaitsForHost = true }.Run(Operations);

        Assert.True(host.Bytes > 0, "no byte was ever sent");
        Assert.Equal(0, host.WritesWithSecret);
        Assert.True(console.DroppedBytes > 0, "the host was never slow");
        Assert.True(bench.Device.Statistics.BytesToGuest > 0, "nothing was ever typed");
    }

    [Fact]
    public void Vsock_SurvivesAMillionOperations()
    {
        string folder = Directory.CreateTempSubdirectory("kvmsev-vsock-").FullName;
        string path = Path.Combine(folder, "v.sock");
        using (Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Nobody accepts: connections come about, and take what the kernel buffers.
            listener.Bind(new UnixDomainSocketEndPoint(path + "_1"));
            listener.Listen(100);
            using var bench = new VirtioBench(new VirtioVsock("vsock", 3, path), isEncrypted: true);
            var fuzzer = new QueueFuzzer(bench, Seeds.Next())
            {
                HeaderLength = VsockHeader.Size,
                WriteHeader = (address, random) => bench.Memory.Write(new Gpa(address), RandomPacket(random)),
            };
            fuzzer.Run(Operations);
        }

        Directory.Delete(folder, recursive: true);
    }

    /// <summary>A host that types what it reads, is full at times, and looks for what it must never see.</summary>
    private sealed class EchoingHost : ISerialOutput
    {
        private int _turn;

        public Action? OutputReady { get; set; }

        public VirtioConsole? Console { get; set; }

        public long Bytes { get; private set; }

        public long WritesWithSecret { get; private set; }

        public bool TryWrite(byte value) => Write([value]) == 1;

        public int Write(ReadOnlySpan<byte> data)
        {
            // A cycle of good times, half a piece, and long ones in which nothing is taken.
            _turn++;
            ReadOnlySpan<byte> taken = data[..(_turn % 5000 < 2000 ? 0 : _turn % 7 == 0 ? data.Length / 2 : data.Length)];
            Bytes += taken.Length;
            WritesWithSecret += taken.IndexOf(QueueFuzzer.Secret) >= 0 ? 1 : 0;
            Console!.Receive(taken);
            return taken.Length;
        }
    }

    private static byte[] RandomPacket(Random random)
    {
        byte[] bytes = new byte[VsockHeader.Size];
        new VsockHeader
        {
            SourceCid = random.Next(20) == 0 ? (ulong)random.NextInt64() : 3,
            DestinationCid = random.Next(20) == 0 ? (ulong)random.NextInt64() : 2,
            SourcePort = (uint)random.Next(30),
            DestinationPort = (uint)random.Next(3),
            Length = random.Next(10) == 0 ? (uint)random.Next() : 512u * (uint)random.Next(9),
            Type = random.Next(20) == 0 ? (ushort)random.Next() : VsockHeader.StreamType,
            Operation = (VsockOperation)random.Next(9),
            Flags = (uint)random.Next(4),
            BufferSize = (uint)random.Next(),
            Forwarded = random.Next(3) == 0 ? (uint)random.Next() : 0,
        }.Write(bytes);
        return bytes;
    }
}
