using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>One queue of one device, for the attacks of <see cref="HostileDeviceTests"/>: what a good request on it is, and how to make the
/// device look at it.</summary>
/// <remarks>
/// The machine has every kind of border: RAM up to 3 GiB, a hole, firmware's RAM up to 4 GiB, and RAM behind it, each a mapping of its own
/// between canaries. All RAM is shared but <see cref="PrivatePages"/> and the last MiB, of which the guest has said nothing.
/// </remarks>
internal sealed class HostileTarget : IDisposable
{
    internal const ulong Buffer = 0x20_0000;
    internal const ulong Table = 0x30_0000;
    internal const ulong PrivatePages = 0x40_0000;
    internal const ulong FirmwareStart = GuestLayout.HighRamStart - FirmwareBytes;
    internal const ulong RamEnd = GuestLayout.HighRamStart + HighBytes;
    internal const ulong UnreportedPages = RamEnd - 0x10_0000;
    internal const uint QueueSize = 16;

    private const ulong FirmwareBytes = 1 << 20;
    private const ulong HighBytes = 4 << 20;
    private const byte Pattern = 0x5E;

    // Both sides of every border, and what is not shared.
    private static readonly ulong[] WatchedPages =
    [
        Buffer + 0x8000, PrivatePages, GuestLayout.MmioHoleStart - GuestPage.Size, FirmwareStart,
        GuestLayout.HighRamStart - GuestPage.Size, GuestLayout.HighRamStart, UnreportedPages, RamEnd - GuestPage.Size,
    ];

    private static readonly BoundedLog NoLog = new(Serilog.Core.Logger.None);

    private readonly IDisposable? _host;
    private readonly Action _provoke;
    private readonly uint _least;

    private HostileTarget(
        VirtioDevice device, int queue, DriverBuffer[] good, uint least, Action<HostileTarget>? provoke, IDisposable? host)
    {
        Bench = new VirtioBench(
            device, isEncrypted: true, GuestLayout.Create(GuestLayout.MmioHoleStart + HighBytes, 40, firmwareBytes: FirmwareBytes));
        Queue = queue;
        Good = good;
        _least = least;
        _host = host;
        _provoke = provoke is null ? static () => { } : () => provoke(this);
        Bench.Share(0, GuestLayout.MmioHoleStart);
        Bench.Share(FirmwareStart, FirmwareBytes);
        Bench.Share(GuestLayout.HighRamStart, HighBytes - (RamEnd - UnreportedPages));
        Bench.MakePrivate(PrivatePages, 0x10_0000);
        foreach (ulong page in WatchedPages)
        {
            Bench.Memory.GetSpan(new Gpa(page), GuestPage.Size).Fill(Pattern);
        }

        Driver.Start(QueueSize);
    }

    /// <summary>Every queue on which a device takes something from its guest.</summary>
    internal static string[] Names =>
        ["block", "rng", "net transmit", "net receive", "vsock transmit", "vsock receive", "console output", "console input"];

    internal VirtioBench Bench { get; }

    internal VirtioDriver Driver => Bench.Driver;

    internal int Queue { get; }

    /// <summary>A chain that the device answers.</summary>
    internal DriverBuffer[] Good { get; }

    /// <summary>Whether no byte was written that is not the device's to write.</summary>
    internal bool IsMemoryIntact => Bench.IsMemoryIntact && Array.TrueForAll(
        WatchedPages, page => !Bench.Memory.GetReadOnlySpan(new Gpa(page), GuestPage.Size).ContainsAnyExcept(Pattern));

    internal static HostileTarget Create(string name)
    {
        string device = name.Split(' ')[0];
        string? direction = name.Contains(' ', StringComparison.Ordinal) ? name.Split(' ')[1] : null;
        return device switch
        {
            "block" => OfBlock(),
            "rng" => new HostileTarget(new VirtioRng("rng"), 0, [new(Buffer, 16, true)], 16, null, null),
            "net" => OfNet(direction == "receive"),
            "vsock" => OfVsock(direction == "receive"),
            "console" => OfConsole(direction == "input"),
            _ => throw new ArgumentException(name, nameof(name)),
        };
    }

    /// <summary>Gives the device a reason to look at the queue, and has it look.</summary>
    internal void Process()
    {
        _provoke();
        Bench.Transport.ProcessQueue(Queue);
    }

    internal void OfferGood()
    {
        Driver.SetChain(Queue, 0, Good);
        Driver.Offer(Queue, 0);
    }

    /// <summary>After whatever has happened, a reset makes the device work as on its first day.</summary>
    internal void AssertWorksAfterReset()
    {
        Driver.Start(QueueSize);
        OfferGood();
        Process();
        Assert.True(Driver.TryTakeUsed(Queue, out uint head, out uint written), "a good request got no answer");
        Assert.Equal(0u, head);
        Assert.InRange(written, _least, 4096u);
        Assert.Equal((VirtioStatus)15, Driver.Status);
        Assert.True(IsMemoryIntact, "a byte was written that is not the device's to write");
    }

    public void Dispose()
    {
        Bench.Dispose();
        _host?.Dispose();
    }

    private static HostileTarget OfBlock()
    {
        var disk = new DiskImage(1 << 20);
        return new HostileTarget(
            disk.Open(), 0, [new(Buffer, 16, false), new(Buffer + 0x1000, 512, true), new(Buffer + 0x2000, 1, true)], 513, null, disk);
    }

    private static HostileTarget OfNet(bool isReceive)
    {
        var channel = new LoopbackChannel { IsSlow = false };
        var card = new VirtioNet("net0", [2, 0, 0, 0, 0, 1], channel, NoLog);
        return isReceive
            ? new HostileTarget(card, 0, [new(Buffer, 2048, true)], 72, static target => target.Send(72), null)
            : new HostileTarget(card, 1, [new(Buffer, 72, false)], 0, null, null);
    }

    private static HostileTarget OfVsock(bool isReceive)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kvmsev-vsock-");
        var device = new VirtioVsock("vsock", 3, Path.Combine(folder.FullName, "v.sock"));

        // A packet of no connection is answered with a reset.
        return isReceive
            ? new HostileTarget(device, 0, [new(Buffer, 4096, true)], VsockHeader.Size, SendStray, new Folder(folder))
            : new HostileTarget(device, 1, [new(Buffer, VsockHeader.Size, false)], 0, null, new Folder(folder));

        static void SendStray(HostileTarget target)
        {
            Span<byte> packet = stackalloc byte[VsockHeader.Size];
            new VsockHeader
            {
                SourceCid = 3,
                DestinationCid = VirtioVsock.HostCid,
                SourcePort = 7,
                DestinationPort = 9,
                Type = VsockHeader.StreamType,
                Operation = VsockOperation.CreditUpdate,
            }.Write(packet);
            target.Bench.Memory.Write(new Gpa(Buffer + 0x4000), packet);
            target.Send(VsockHeader.Size);
        }
    }

    private static HostileTarget OfConsole(bool isInput)
    {
        var console = new VirtioConsole("console", new Discarding(), (80, 25), NoLog);
        return isInput
            ? new HostileTarget(console, 0, [new(Buffer, 64, true)], 1, _ => console.Receive("x"u8), null)
            : new HostileTarget(console, 1, [new(Buffer, 64, false)], 0, null, null);
    }

    /// <summary>Sends what lies in a buffer of its own through the other queue, which nobody attacks.</summary>
    private void Send(uint length)
    {
        if (Driver.Read(VirtioMmioRegister.Status) == 15)
        {
            _ = Driver.Send(1, new DriverBuffer(Buffer + 0x4000, length, false));
        }
    }

    private sealed class Folder(DirectoryInfo folder) : IDisposable
    {
        public void Dispose() => folder.Delete(recursive: true);
    }

    private sealed class Discarding : ISerialOutput
    {
        public Action? OutputReady { get; set; }

        public bool TryWrite(byte value) => true;

        public int Write(ReadOnlySpan<byte> data) => data.Length;
    }
}
