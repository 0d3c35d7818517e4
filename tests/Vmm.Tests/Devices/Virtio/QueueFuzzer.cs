using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>A guest that does at random what a guest can do to one device, mostly nearly right, so that it gets far.</summary>
/// <remarks>
/// The upper half of memory is private for ever and full of <see cref="Secret"/>; a naive model knows the state of every page. It checks
/// that private pages keep their bytes, that canaries round the memory stay, and that nothing is allocated per operation.
/// </remarks>
internal sealed class QueueFuzzer
{
    private const ulong ForeverPrivate = VirtioBench.MemoryBytes / 2;
    private const int CheckEvery = 50_000;
    private static readonly TimeSpan HostPatience = TimeSpan.FromSeconds(10);

    private static readonly uint[] SetupRegisters =
    [
        0x014, 0x024, 0x020, 0x030, 0x038, 0x044, 0x050, 0x064, 0x070, 0x080, 0x084, 0x090, 0x094, 0x0A0, 0x0A4, 0x0C0, 0x0FC, 0x100, 0x120,
    ];

    private readonly VirtioBench _bench;
    private readonly Random _random;
    private readonly int _seed;
    private uint _size = 16;
    private ulong _fingerprint = 14695981039346656037;

    internal QueueFuzzer(VirtioBench bench, int seed)
    {
        _bench = bench;
        _seed = seed;
        _random = new Random(seed);
    }

    /// <summary>Writes what the device wants at the start of a request; null writes small numbers.</summary>
    internal Action<ulong, Random>? WriteHeader { get; init; }

    /// <summary>
    /// Whether the device waits for a timer of the host before it answers: operations are much faster, so they go on until it has come.
    /// </summary>
    internal bool WaitsForHost { get; init; }

    /// <summary>What private pages hold.</summary>
    internal static ReadOnlySpan<byte> Secret => "a page that is the guest's alone"u8;

    /// <summary>Bytes of it.</summary>
    internal uint HeaderLength { get; init; } = 16;

    internal void Run(int operations)
    {
        for (ulong at = ForeverPrivate; at < VirtioBench.MemoryBytes; at += (ulong)Secret.Length)
        {
            _bench.Memory.Write(new Gpa(at), Secret);
        }

        _bench.MakePrivate(ForeverPrivate, VirtioBench.MemoryBytes - ForeverPrivate);
        Restart();
        long grownBefore = 0;
        long completedBefore = 0;
        for (int i = 0; i < operations; i++)
        {
            if (i % CheckEvery == CheckEvery - 1)
            {
                Check(i);
                GiveTheHostTime(completedBefore);
                Assert.True(_bench.Transport.CompletedChains > completedBefore, $"seed {_seed}: nothing was answered up to operation {i}");
                completedBefore = _bench.Transport.CompletedChains;
            }

            if (i == operations / 2)
            {
                grownBefore = GC.GetTotalMemory(forceFullCollection: true);
            }

            Step();
        }

        Check(operations);
        long grown = GC.GetTotalMemory(forceFullCollection: true) - grownBefore;
        Assert.True(grown < 8 << 20, $"seed {_seed}: the heap grew by {grown} bytes");
        _bench.Share(0x10_0000, 0x20_0000);
        _bench.Driver.Start();
        Report(operations);
    }

    private void GiveTheHostTime(long completedBefore)
    {
        long start = Stopwatch.GetTimestamp();
        while (WaitsForHost && _bench.Transport.CompletedChains == completedBefore && Stopwatch.GetElapsedTime(start) < HostPatience)
        {
            Thread.Sleep(1);
            Step();
        }
    }

    /// <summary>For scripts/fuzz.sh: two runs with one fingerprint did the same and saw the same.</summary>
    private void Report(int operations)
    {
        if (Environment.GetEnvironmentVariable("KVMSEV_FUZZ_REPORT") is string path)
        {
            Mix((ulong)_bench.Transport.CompletedChains);
            File.WriteAllText(
                path, string.Create(CultureInfo.InvariantCulture, $"{operations} operations, fingerprint {_fingerprint:x16}\n"));
        }
    }

    // FNV-1a, by numbers instead of bytes.
    private void Mix(ulong value) => _fingerprint = unchecked((_fingerprint ^ value) * 1099511628211);

    private void Check(int operation)
    {
        Assert.True(_bench.IsMemoryIntact, $"seed {_seed}, operation {operation}: a byte outside RAM was written");
        ReadOnlySpan<byte> pages = _bench.Memory.GetReadOnlySpan(new Gpa(ForeverPrivate), (int)(VirtioBench.MemoryBytes - ForeverPrivate));
        for (int at = 0; at < pages.Length; at += Secret.Length)
        {
            if (!pages.Slice(at, Secret.Length).SequenceEqual(Secret))
            {
                Assert.Fail($"seed {_seed}, operation {operation}: the private page at 0x{ForeverPrivate + (ulong)at:x} was written");
            }
        }
    }

    private void Step()
    {
        int queue = _random.Next(_bench.Device.QueueCount);
        int choice = _random.Next(64);
        Mix(((ulong)queue << 40) | ((ulong)choice << 32) | (uint)_bench.Transport.Status);
        switch (choice)
        {
            case 0:
                Restart();
                break;
            case 1:
                WriteAnyRegister();
                break;
            case 2:
                ReadAnyRegister();
                break;
            case 3:
                Convert();
                break;
            case 4:
                _bench.Driver.SetAvailableIndex(queue, (ushort)_random.Next());
                break;
            case 5:
                // Any bytes anywhere in the rings.
                _bench.Memory.Write(new Gpa(VirtioDriver.Descriptors(queue) + (ulong)_random.NextInt64(0x5000)), _random.NextInt64());
                break;
            case < 10:
                _bench.Transport.ProcessQueue(queue);
                break;
            default:
                OfferChain(queue);
                break;
        }

        if ((_bench.Transport.Status & VirtioStatus.NeedsReset) != 0 && _random.Next(4) == 0)
        {
            Restart();
        }
    }

    private void Restart()
    {
        _bench.Share(0x10_0000, 0x20_0000);
        _size = 1u << _random.Next(9);
        ulong features = _bench.Driver.ReadFeatures();
        features = _random.Next(4) switch
        {
            0 => features & ~(1UL << 28),
            1 => features & ~(1UL << 29),
            2 => features & ~(ulong)(uint)_random.Next(),
            _ => features,
        };
        if (!_bench.Driver.Negotiate(features))
        {
            return;
        }

        for (int queue = 0; queue < _bench.Device.QueueCount; queue++)
        {
            _bench.Driver.SetUpQueue(queue, _size);
        }

        _bench.Driver.Write(Register.Status, 15);
    }

    /// <summary>A chain that is right in most respects, and one offer of it.</summary>
    private void OfferChain(int queue)
    {
        int count = 1 + _random.Next((int)Math.Min(_size, 6));
        int readable = _random.Next(count + 1);
        bool isIndirect = _size > 1 && _random.Next(4) == 0;
        ulong table = isIndirect ? PickAddress(16u * (uint)count) & ~15UL : VirtioDriver.Descriptors(queue);
        for (int i = 0; i < count; i++)
        {
            uint length = PickLength(i, count);
            ulong address = PickAddress(length);
            ushort flags = (ushort)((i >= readable ? 2 : 0) | (i < count - 1 ? 1 : 0));
            flags ^= _random.Next(50) == 0 ? (ushort)(1 << _random.Next(16)) : (ushort)0;
            ushort next = (ushort)(_random.Next(50) == 0 ? _random.Next() : i + 1);
            if (table + (16UL * (ulong)i) + 16 <= ForeverPrivate)
            {
                _bench.Driver.SetDescriptorAt(table + (16UL * (ulong)i), address, length, flags, next);
            }

            if (i == 0 && address < ForeverPrivate - 64)
            {
                WriteRequestHeader(address);
            }
        }

        if (isIndirect)
        {
            _bench.Driver.SetDescriptor(queue, 0, table, 16u * (uint)count, 4);
        }

        _bench.Driver.Offer(queue, (ushort)(_random.Next(50) == 0 ? _random.Next() : 0));
        _bench.Transport.ProcessQueue(queue);
    }

    /// <summary>What most devices want at the start of a request: small numbers.</summary>
    private void WriteRequestHeader(ulong address)
    {
        if (WriteHeader is { } write)
        {
            write(address, _random);
            return;
        }

        _bench.Memory.Write(new Gpa(address), (uint)_random.Next(14));
        _bench.Memory.Write(new Gpa(address + 8), (ulong)_random.NextInt64(0, 2100));
    }

    private uint PickLength(int index, int count) => _random.Next(12) switch
    {
        0 => 0,
        1 => (uint)_random.Next(),
        2 => uint.MaxValue,
        3 => (uint)_random.Next(1, 0x9000),
        _ => index == 0 ? HeaderLength : index == count - 1 ? 1u : 512u * (uint)_random.Next(1, 9),
    };

    private ulong PickAddress(uint length) => _random.Next(40) switch
    {
        0 => (ulong)_random.NextInt64(),
        1 => VirtioBench.MemoryBytes - Math.Min(length, (uint)VirtioBench.MemoryBytes),
        2 => VirtioBench.MemoryBytes - 1,
        3 => ForeverPrivate + (ulong)_random.NextInt64((long)(VirtioBench.MemoryBytes - ForeverPrivate)),
        4 => ForeverPrivate - 8,
        5 => 0xC000_0000 + (ulong)_random.NextInt64(0x4000_0000),
        _ => 0x20_0000 + (ulong)_random.NextInt64(0x8_0000),
    };

    private void WriteAnyRegister()
    {
        Span<byte> data = stackalloc byte[8];
        _random.NextBytes(data);
        bool isPlain = _random.Next(2) == 0;
        ulong offset = isPlain
            ? SetupRegisters[_random.Next(SetupRegisters.Length)]
            : (ulong)_random.NextInt64((long)VirtioMmioTransport.WindowLength);
        if (isPlain)
        {
            data[(_random.Next(4) + 1)..].Clear();
        }

        _bench.Transport.Write(offset, isPlain ? data[..4] : data[..(1 << _random.Next(4))]);
    }

    private void ReadAnyRegister()
    {
        Span<byte> data = stackalloc byte[8];
        _bench.Transport.Read((ulong)_random.NextInt64((long)VirtioMmioTransport.WindowLength), data[..(1 << _random.Next(4))]);
    }

    /// <summary>Pages of the lower half change; those of the upper half stay private.</summary>
    private void Convert()
    {
        ulong page = (ulong)_random.NextInt64((long)(ForeverPrivate >> 12));
        ulong count = Math.Min((ulong)_random.NextInt64(1, 64), (ForeverPrivate >> 12) - page);
        _ = _bench.Tracker.Set(new GpaRange(new Gpa(page << 12), count << 12), (PageState)_random.Next(3), 0);
    }
}
