using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

public sealed class IoBusTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Access_WithinOneWindow_ReachesTheDeviceWhole(int size)
    {
        Tracer tracer = new();
        IoBus bus = new();
        bus.Register(0x1000, 16, tracer, "tracer");
        byte[] data = [1, 2, 3, 4, 5, 6, 7, 8];

        bus.Access(0x1008, isWrite: true, data.AsSpan(0, size));
        bus.Access(0x1008, isWrite: false, data.AsSpan(0, size));

        Assert.Equal([$"write 8 {Convert.ToHexString([1, 2, 3, 4, 5, 6, 7, 8], 0, size)}", $"read 8 {size}"], tracer.Log);
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Theory]
    [InlineData(0x0FFFUL)]
    [InlineData(0x1010UL)]
    [InlineData(0UL)]
    [InlineData(ulong.MaxValue)]
    public void Access_WithoutDevice_ReadsOnesAndIsCounted(ulong address)
    {
        IoBus bus = new();
        bus.Register(0x1000, 16, new Tracer(), "tracer");
        byte[] data = [0];

        bus.Access(address, isWrite: false, data);
        bus.Access(address, isWrite: true, data);

        Assert.Equal([0xFF], data);
        Assert.Equal(2, bus.UnclaimedAccesses);
        Assert.Equal(address, bus.LastUnclaimedAddress);
    }

    [Fact]
    public void Access_AcrossTwoDevicesAndAGap_IsSplitIntoBytes()
    {
        Tracer low = new();
        Tracer high = new();
        IoBus bus = new();
        bus.Register(0x63, 2, high, "high");
        bus.Register(0x61, 1, low, "low");
        byte[] data = [0x11, 0x22, 0x33, 0x44];

        bus.Access(0x61, isWrite: true, data);
        bus.Access(0x61, isWrite: false, data);

        Assert.Equal(["write 0 11", "read 0 1"], low.Log);
        Assert.Equal(["write 0 33", "write 1 44", "read 0 1", "read 1 1"], high.Log);
        Assert.Equal([0xA0, 0xFF, 0xA0, 0xA1], data);
        Assert.Equal(2, bus.UnclaimedAccesses); // one each, not one a byte
    }

    [Fact]
    public void Access_OfOddLength_IsSplitIntoBytes()
    {
        // KVM makes these of an MMIO access across a page border.
        Tracer tracer = new();
        IoBus bus = new();
        bus.Register(0x1000, 16, tracer, "tracer");
        byte[] data = [1, 2, 3];

        bus.Access(0x1000, isWrite: true, data);

        Assert.Equal(["write 0 01", "write 1 02", "write 2 03"], tracer.Log);
    }

    [Fact]
    public void Access_AtTheEndOfTheAddressSpace_DoesNotReachBeyondIt()
    {
        Tracer tracer = new();
        IoBus bus = new();
        bus.Register(ulong.MaxValue - 1, 2, tracer, "top");
        byte[] data = [9, 9, 9, 9];

        bus.Access(ulong.MaxValue - 1, isWrite: false, data);

        Assert.Equal([0xA0, 0xA1, 0xFF, 0xFF], data);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    public void Access_OfImpossibleLength_IsABug(int length)
    {
        IoBus bus = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => bus.Access(0, isWrite: false, new byte[length]));
    }

    [Fact]
    public void AccessRepeated_SamePortForEachItem()
    {
        Tracer tracer = new();
        IoBus bus = new();
        bus.Register(0x10, 4, tracer, "tracer");

        bus.AccessRepeated(0x12, isWrite: true, 2, new byte[] { 1, 2, 3, 4, 5, 6 });

        Assert.Equal(["write 2 0102", "write 2 0304", "write 2 0506"], tracer.Log);
        Assert.Throws<ArgumentOutOfRangeException>(() => bus.AccessRepeated(0x12, isWrite: true, 2, new byte[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => bus.AccessRepeated(0x12, isWrite: true, 0, new byte[3]));
    }

    [Theory]
    [InlineData(0x0FFFUL, 2UL)]
    [InlineData(0x1007UL, 1UL)]
    [InlineData(0x1000UL, 8UL)]
    [InlineData(0UL, ulong.MaxValue)]
    public void Register_Overlap_IsRefusedAndNamesBoth(ulong start, ulong length)
    {
        IoBus bus = new();
        bus.Register(0x1000, 8, new Tracer(), "first");

        ArgumentException error = Assert.Throws<ArgumentException>(() => bus.Register(start, length, new Tracer(), "second"));

        Assert.Contains("first (0x1000-0x1007)", error.Message, StringComparison.Ordinal);
        Assert.Contains("second", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Register_AdjacentWindows_AreAllowed()
    {
        IoBus bus = new();
        bus.Register(0x1000, 8, new Tracer(), "middle");
        bus.Register(0x1008, 8, new Tracer(), "after");
        bus.Register(0x0FFF, 1, new Tracer(), "before");

        Assert.Equal("before", bus.GetDeviceName(0xFFF));
        Assert.Equal("middle", bus.GetDeviceName(0x1007));
        Assert.Equal("after", bus.GetDeviceName(0x1008));
        Assert.Null(bus.GetDeviceName(0x1010));
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(ulong.MaxValue, 2UL)]
    [InlineData(2UL, ulong.MaxValue)]
    public void Register_EmptyOrWrapping_IsRefused(ulong start, ulong length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new IoBus().Register(start, length, new Tracer(), "bad"));

    [Fact]
    public void Register_AfterTheFirstAccess_IsRefused()
    {
        IoBus bus = new();
        bus.Access(0, isWrite: false, new byte[1]);
        Assert.Throws<InvalidOperationException>(() => bus.Register(0, 1, new Tracer(), "late"));
    }

    [Fact]
    public void Access_ManyWindows_FindsTheSameDeviceAsALinearSearch()
    {
        const int Seed = 20260;
        Random random = new(Seed);
        IoBus bus = new();
        List<(ulong Start, ulong Length, string Name)> windows = [];
        ulong next = 0;
        for (int i = 0; i < 200; i++)
        {
            ulong start = next + (ulong)random.Next(0, 4);
            ulong length = (ulong)random.Next(1, 9);
            windows.Add((start, length, $"w{i}"));
            next = start + length;
        }

        foreach ((ulong start, ulong length, string name) in windows.OrderBy(_ => random.Next()))
        {
            bus.Register(start, length, new Tracer(), name);
        }

        for (ulong address = 0; address < next + 4; address++)
        {
            string? expected = windows.Where(w => address >= w.Start && address < w.Start + w.Length).Select(w => w.Name).SingleOrDefault();
            Assert.Equal(expected, bus.GetDeviceName(address));
        }
    }

    private sealed class Tracer : IBusDevice
    {
        public List<string> Log { get; } = [];

        public void Read(ulong offset, Span<byte> data)
        {
            Log.Add($"read {offset} {data.Length}");
            data.Fill((byte)(0xA0 + offset));
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data) => Log.Add($"write {offset} {Convert.ToHexString(data)}");
    }
}
