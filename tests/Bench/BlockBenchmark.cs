using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Memory;
using Microsoft.Win32.SafeHandles;

namespace KvmSevVmm.Bench;

/// <summary>
/// virtio-blk against pread(2) and pwrite(2) of the same bytes at the same places of the same file, which the host has in its page cache:
/// what is left is the device's own work. Also with the device's thread between them.
/// </summary>
internal static class BlockBenchmark
{
    private const int SectorSize = 512;
    private const long DiskBytes = 64 << 20;
    private const ulong Header = 0x20_0000;
    private const ulong Status = 0x20_1000;
    private const ulong Data = 0x30_0000;
    private const int Rounds = 60;
    private const int AllocationRequests = 10_000;

    // A request costs about half as much as the host's call for 4 KiB, which the file's cache answers in well under 1 us.
    private const double SequentialLimit = 1.25;
    private const double SmallLimit = 2.5;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Runs the benchmarks.</summary>
    /// <param name="report">Where the figures go.</param>
    public static void Run(Report report)
    {
        using var image = new DiskImage(DiskBytes);
        using var bench = new VirtioBench(image.Open(), isEncrypted: true);
        using SafeFileHandle file = File.OpenHandle(image.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        bench.Share(0x10_0000, 0x70_0000);

        // Without the event index an interrupt comes for each request.
        bench.Driver.Start(features: bench.Driver.ReadFeatures() & ~(1UL << 29));
        foreach (bool isWrite in (bool[])[true, false])
        {
            string way = isWrite ? "write" : "read";
            double whole = Compare(bench, file, 1 << 20, 16, isWrite, isRandom: false, isOnThread: false, out string detail);
            report.Add($"virtio-blk, sequential 1 MiB {way} / file", whole, SequentialLimit, "ratio", detail);
            double small = Compare(bench, file, 4096, 500, isWrite, isRandom: true, isOnThread: false, out detail);
            report.Add($"virtio-blk, random 4 KiB {way} / file", small, SmallLimit, "ratio", detail);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < AllocationRequests; i++)
        {
            Request(bench, (i & 0xFF) * 4096L, 4096, (i & 1) != 0, isOnThread: false);
        }

        report.Add(
            "virtio-blk, bytes allocated", GC.GetAllocatedBytesForCurrentThread() - before, 0, "B", $"in {AllocationRequests} requests");

        bench.StartLoop();
        double threaded = Compare(bench, file, 4096, 500, isWrite: false, isRandom: true, isOnThread: true, out string words);
        Report.Tell("the same read, by the device's thread / file", threaded, "ratio", $"one at a time, two wake-ups each; {words}");
    }

    private static double Compare(
        VirtioBench bench, SafeFileHandle file, int length, int count, bool isWrite, bool isRandom, bool isOnThread, out string detail)
    {
        long[] offsets = new long[count];
        var random = new Random(7);
        for (int i = 0; i < count; i++)
        {
            offsets[i] = (isRandom ? random.NextInt64(DiskBytes / length) : i) * length;
        }

        return Pairs.Compare(
            Rounds,
            () =>
            {
                foreach (long offset in offsets)
                {
                    Request(bench, offset, length, isWrite, isOnThread);
                }
            },
            () =>
            {
                Span<byte> data = bench.Memory.GetSpan(new Gpa(Data), length);
                foreach (long offset in offsets)
                {
                    if (isWrite)
                    {
                        RandomAccess.Write(file, data, offset);
                    }
                    else if (RandomAccess.Read(file, data, offset) != length)
                    {
                        throw new InvalidOperationException("a short read");
                    }
                }
            },
            out detail);
    }

    private static void Request(VirtioBench bench, long offset, int length, bool isWrite, bool isOnThread)
    {
        VirtioDriver driver = bench.Driver;
        bench.Memory.Write(new Gpa(Header), isWrite ? 1u : 0u);
        bench.Memory.Write(new Gpa(Header + 8), offset / SectorSize);
        bench.Memory.Write(new Gpa(Status), (byte)0xFF);
        driver.SetChain(
            0,
            0,
            new DriverBuffer(Header, 16, false),
            new DriverBuffer(Data, (uint)length, !isWrite),
            new DriverBuffer(Status, 1, true));
        driver.Offer(0, 0);
        if (isOnThread)
        {
            bench.Transport.GetKick(0).Signal();
        }
        else
        {
            bench.Transport.ProcessQueue(0);
        }

        while (!driver.TryTakeUsed(0, out _, out _))
        {
            if (!isOnThread || !bench.Interrupt.Wait(Deadline))
            {
                throw new InvalidOperationException("a request got no answer");
            }
        }

        if (bench.Memory.Read<byte>(new Gpa(Status)) != 0)
        {
            throw new InvalidOperationException("a request failed");
        }
    }
}
