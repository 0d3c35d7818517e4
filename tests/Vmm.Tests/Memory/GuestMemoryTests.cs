using System.Runtime.InteropServices;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Memory;

public sealed class GuestMemoryTests
{
    private const ulong MiB = 1UL << 20;
    private const ulong GiB = 1UL << 30;
    private const ulong Low = 3 * GiB;
    private const ulong High = 4 * GiB;

    [Theory]
    [InlineData(0UL, 0, true)]
    [InlineData(0UL, 1, true)]
    [InlineData(Low - 1, 1, true)]
    [InlineData(Low - 1, 2, false)]
    [InlineData(Low, 0, true)]
    [InlineData(Low, 1, false)]
    [InlineData(Low + 1, 0, false)]
    [InlineData(High - 1, 1, false)]
    [InlineData(High - 1, 2, false)]
    [InlineData(High, 8192, true)]
    [InlineData(High, 8193, false)]
    [InlineData(High + 8191, 1, true)]
    [InlineData(High + 8192, 1, false)]
    [InlineData(0UL, int.MaxValue, true)]
    [InlineData(Low - int.MaxValue, int.MaxValue, true)]
    [InlineData(Low - int.MaxValue + 1, int.MaxValue, false)]
    [InlineData(0UL, -1, false)]
    [InlineData(0UL, int.MinValue, false)]
    [InlineData(ulong.MaxValue, 1, false)]
    [InlineData(ulong.MaxValue, 0, false)]
    [InlineData(ulong.MaxValue, int.MaxValue, false)]
    [InlineData(ulong.MaxValue - 4095, 4096, false)]
    [InlineData(1UL << 63, 1, false)]
    public void TryGetSpan_InsideOneRange_OrNothing(ulong gpa, int length, bool expected)
    {
        using GuestMemory memory = Create(Low + 8192);

        Assert.Equal(expected, memory.TryGetSpan(new Gpa(gpa), length, out Span<byte> span));
        Assert.Equal(expected ? length : 0, span.Length);
        Assert.Equal(expected, memory.TryGetReadOnlySpan(new Gpa(gpa), length, out ReadOnlySpan<byte> readOnly));
        Assert.Equal(expected ? length : 0, readOnly.Length);
        if (length >= 0 && GpaRange.TryCreate(new Gpa(gpa), (ulong)length, out GpaRange range))
        {
            Assert.Equal(expected, memory.Contains(range));
        }
    }

    [Fact]
    public void Access_RandomAddresses_AgreesWithANaiveModel()
    {
        int seed = Seeds.Next();
        Random random = new(seed);
        using GuestMemory memory = Create(Low + MiB);
        ulong[] edges = [0, Low, High, High + MiB, 1UL << 39, 1UL << 63, ulong.MaxValue];
        byte[] buffer = new byte[512];
        int inside = 0;
        const int Rounds = 200_000;
        for (int i = 0; i < Rounds; i++)
        {
            ulong gpa = unchecked(edges[random.Next(edges.Length)] + (ulong)random.Next(-600, 600));
            int length = random.Next(buffer.Length + 1);

            UInt128 end = (UInt128)gpa + (UInt128)(uint)length;
            bool expected = end <= Low || (gpa >= High && end <= High + MiB);
            inside += expected ? 1 : 0;

            Assert.True(expected == memory.TryGetSpan(new Gpa(gpa), length, out _), $"seed {seed}: {gpa:x} {length}");
            Assert.True(expected == memory.TryRead(new Gpa(gpa), buffer.AsSpan(0, length)), $"seed {seed}: {gpa:x} {length}");
            bool word = (UInt128)gpa + 8 <= Low || (gpa >= High && (UInt128)gpa + 8 <= High + MiB);
            Assert.True(word == memory.TryRead(new Gpa(gpa), out ulong _), $"seed {seed}: {gpa:x}");
            Assert.True(word == memory.TryWrite(new Gpa(gpa), gpa), $"seed {seed}: {gpa:x}");
        }

        Assert.InRange(inside, Rounds / 10, Rounds - (Rounds / 10));
    }

    [Fact]
    public void Span_IsTheMemoryItself()
    {
        using GuestMemory memory = Create(16 * MiB);

        memory.GetSpan(new Gpa(0x1234), 4)[2] = 0xAB;

        Assert.Equal(0xAB, memory.Read<byte>(new Gpa(0x1236)));
        Assert.Equal(0x00AB_0000u, memory.Read<uint>(new Gpa(0x1234)));
        Assert.Equal(0xAB, memory.GetReadOnlySpan(new Gpa(0x1230), 16)[6]);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(Low - 8)]
    [InlineData(High)]
    [InlineData(High + 3)]
    [InlineData((16 * GiB) + GiB - 8)]
    public void Values_AreLittleEndianAtAnyAddress(ulong address)
    {
        Gpa gpa = new(address);
        using GuestMemory memory = Create(16 * GiB);

        memory.Write(gpa, 0x1122_3344_5566_7788UL);

        Assert.Equal(0x1122_3344_5566_7788UL, memory.Read<ulong>(gpa));
        Assert.Equal([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11], memory.GetSpan(gpa, 8).ToArray());
        byte[] copy = new byte[3];
        memory.Read(gpa, copy);
        Assert.Equal([0x88, 0x77, 0x66], copy);
    }

    [Fact]
    public void Write_PartlyOutside_WritesNothing()
    {
        using GuestMemory memory = Create(2 * MiB);
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];

        Assert.False(memory.TryWrite(new Gpa((2 * MiB) - 7), bytes));
        Assert.False(memory.TryWrite(new Gpa((2 * MiB) - 7), ulong.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Write(new Gpa((2 * MiB) - 7), bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Write(new Gpa((2 * MiB) - 7), ulong.MaxValue));

        Assert.Equal(new byte[7], memory.GetSpan(new Gpa((2 * MiB) - 7), 7).ToArray());
    }

    [Fact]
    public void Read_PartlyOutside_ThrowsAndNamesTheAddress()
    {
        using GuestMemory memory = Create(2 * MiB);
        byte[] destination = [9, 9, 9, 9];

        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => memory.Read<uint>(new Gpa(0x1FFFFD)));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Read(new Gpa(0x1FFFFD), destination));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = memory.GetSpan(new Gpa(0x1FFFFD), 4).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = memory.GetReadOnlySpan(new Gpa(0), -1).Length);
        Assert.False(memory.TryRead(new Gpa(0x1FFFFD), destination));

        Assert.Contains("0x4 bytes at 0x1ffffd", e.Message, StringComparison.Ordinal);
        Assert.Equal([9, 9, 9, 9], destination);
    }

    [Fact]
    public void Reference_IsTheMemoryItselfAndMustBeAlignedRam()
    {
        using GuestMemory memory = Create(Low + 4096);

        Volatile.Write(ref memory.GetReference<ushort>(new Gpa(High + 2)), 0xBEEF);

        Assert.Equal(0xBEEF, memory.Read<ushort>(new Gpa(High + 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.GetReference<ushort>(new Gpa(High + 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.GetReference<uint>(new Gpa(Low)));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.GetReference<uint>(new Gpa(High + 4096)));
    }

    [Fact]
    public void Clear_ZeroesTheRangeAndNothingElse()
    {
        using GuestMemory memory = Create(2 * MiB);
        memory.GetSpan(new Gpa(0), (int)(2 * MiB)).Fill(0xA5);

        memory.Clear(GpaRange.FromBounds(0x1234, 0x5678));
        memory.Clear(GpaRange.FromBounds(0x9000, 0x9000));

        Span<byte> all = memory.GetSpan(new Gpa(0), (int)(2 * MiB));
        Assert.Equal(-1, all[..0x1234].IndexOfAnyExcept((byte)0xA5));
        Assert.Equal(-1, all[0x1234..0x5678].IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, all[0x5678..].IndexOfAnyExcept((byte)0xA5));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Clear(GpaRange.FromBounds(MiB, (2 * MiB) + 1)));
    }

    [Fact]
    public void Clear_OfUntouchedRam_TakesNoMemoryFromTheHost()
    {
        using GuestMemory memory = Create(512 * MiB);
        long before = ResidentBytes();

        memory.Clear(GpaRange.FromBounds(0, 512 * MiB));

        Assert.InRange(ResidentBytes() - before, long.MinValue, 64 << 20);
    }

    [Fact]
    public void Create_MoreThanThreeGiB_EveryRangeHoldsItsOwnBytes()
    {
        using GuestMemory memory = Create(16 * GiB);
        ulong[] addresses = [0, Low - 8, High, (8 * GiB) + 8, (17 * GiB) - 8];

        foreach (ulong address in addresses)
        {
            memory.Write(new Gpa(address), ~address);
        }

        Assert.All(addresses, address => Assert.Equal(~address, memory.Read<ulong>(new Gpa(address))));
        Assert.Equal(["[0x0, 0xc0000000)", "[0x100000000, 0x440000000)"], memory.Ranges.Select(range => range.ToString()));
    }

    [Fact]
    public void HostAddress_PointsToTheGuestsBytes()
    {
        using GuestMemory memory = Create(Low + MiB);
        memory.Write(new Gpa(High + 0x5000), 0xC0FFEEUL);
        memory.Write(new Gpa(0x5000), 0xDECAFUL);

        nuint high = memory.GetHostAddress(new GpaRange(new Gpa(High + 0x5000), 8));
        nuint low = memory.GetHostAddress(new GpaRange(new Gpa(0x5000), 8));

        Assert.Equal(0xC0FFEE, Marshal.ReadInt64((nint)high));
        Assert.Equal(0xDECAF, Marshal.ReadInt64((nint)low));
        Assert.Equal(low - 0x5000, memory.GetHostAddress(new GpaRange(new Gpa(0), Low)));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.GetHostAddress(GpaRange.FromBounds(Low - 1, Low + 1)));
    }

    [Fact]
    public void Access_AllocatesNothing()
    {
        using GuestMemory memory = Create(Low + MiB);
        byte[] buffer = new byte[64];
        ulong sum = 0;
        long Measure()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (uint i = 0; i < 10_000; i++)
            {
                Gpa gpa = new(i % 3 == 0 ? High + i : i % 3 == 1 ? i : Low + i);
                sum += memory.TryRead(gpa, out uint value) ? value : 1;
                _ = memory.TryWrite(gpa, i);
                sum += memory.TryGetSpan(gpa, 32, out Span<byte> span) ? span[0] : 1u;
                _ = memory.TryRead(gpa, buffer);
                _ = memory.TryWrite(gpa, buffer);
                sum += memory.Contains(new GpaRange(gpa, 8)) ? 1u : 0;
                sum += Volatile.Read(ref memory.GetReference<uint>(new Gpa(High + (4 * i))));
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        _ = Measure();
        Assert.Equal(0, Measure());
        Assert.NotEqual(0UL, sum);
    }

    [Fact]
    public void Dispose_EndsAllAccess()
    {
        GuestMemory memory = Create(Low + MiB);
        memory.Dispose();

        Assert.Throws<ObjectDisposedException>(() => memory.TryGetSpan(new Gpa(0), 1, out _));
        Assert.Throws<ObjectDisposedException>(() => memory.Read<uint>(new Gpa(High)));
        Assert.Throws<ObjectDisposedException>(() => memory.GetHostAddress(new GpaRange(new Gpa(0), 1)));
        memory.Dispose();
    }

    [Fact]
    public void Create_MoreThanTheHostCanMap_IsOneClearError()
    {
        // 8 TiB can be mapped without reservation only until the 128 TiB of a process are full.
        List<GuestMemory> hogs = [];
        try
        {
            HostLacksException e = Assert.Throws<HostLacksException>(() =>
            {
                for (int i = 0; i < 32; i++)
                {
                    hogs.Add(GuestMemory.Create(GuestLayout.Create(8192 * GiB, 52)));
                }
            });

            Assert.Contains("8796093022208 bytes", e.Message, StringComparison.Ordinal);
            Assert.Contains("--memory", e.Hint, StringComparison.Ordinal);
        }
        finally
        {
            hogs.ForEach(hog => hog.Dispose());
        }
    }

    private static GuestMemory Create(ulong memoryBytes) => GuestMemory.Create(GuestLayout.Create(memoryBytes, 40));

    private static long ResidentBytes()
    {
        string pages = File.ReadAllText("/proc/self/statm").Split(' ')[1];
        return long.Parse(pages, System.Globalization.CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }
}
