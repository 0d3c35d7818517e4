using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>
/// Drivers that lie: each lie has one documented answer, DEVICE_NEEDS_RESET with one line that says where and why; after a reset the device
/// works again; and no byte outside the guest's RAM is touched.
/// </summary>
public sealed class HostileDriverTests
{
    private const ulong Buffer = 0x20_0000;
    private const ulong RamEnd = VirtioBench.MemoryBytes;

    /// <summary>Sends a chain that a device must refuse, and checks the whole answer.</summary>
    private static void AssertRefused(VirtioBench bench, string expected, bool isGuard)
    {
        bench.Transport.ProcessQueue(0);

        VirtioDriver driver = bench.Driver;
        Assert.Equal(VirtioStatus.NeedsReset | (VirtioStatus)15, driver.Status);
        Assert.Equal(2u, driver.Read(Register.InterruptStatus) & 2);
        string line = Assert.Single(bench.LogLines);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.Equal(isGuard ? 1 : 0, bench.Device.Statistics.GuardViolations);
        Assert.Equal(isGuard ? 0 : 1, bench.Device.Statistics.ProtocolErrors);

        // It stays refused until the reset, whatever the driver does.
        driver.Write(Register.Status, 15);
        driver.Write(Register.QueueReady, 1);
        driver.Write(Register.QueueNotify, 0);
        bench.Transport.ProcessQueue(0);
        Assert.False(driver.TryTakeUsed(0, out _, out _));
        Assert.Single(bench.LogLines);

        driver.Start();
        Assert.Equal(16u, driver.Send(0, new DriverBuffer(Buffer, 16, true)));
        Assert.True(bench.IsMemoryIntact);
    }

    private static VirtioBench Start(uint size = 16)
    {
        var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start(size);
        return bench;
    }

    private static void AssertChainRefused(string expected, bool isGuard, params ReadOnlySpan<DriverBuffer> buffers)
    {
        using VirtioBench bench = Start();
        bench.Driver.SetChain(0, 0, buffers);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, expected, isGuard);
    }

    [Theory]
    [InlineData(17)]
    [InlineData(0x8000)]
    [InlineData(0xFFFF)]
    public void AvailableIndex_BeyondTheRing_IsRefused(int index)
    {
        using VirtioBench bench = Start();
        bench.Driver.SetAvailableIndex(0, (ushort)index);
        AssertRefused(bench, "available ring of queue 0: 0x102000 offers more chains", isGuard: false);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(0xFFFF)]
    public void Head_BeyondTheTable_IsRefused(int head)
    {
        using VirtioBench bench = Start();
        bench.Driver.Offer(0, (ushort)head);
        AssertRefused(bench, "available ring of queue 0: 0x102004 names a descriptor beyond its table", isGuard: false);
    }

    [Fact]
    public void Next_BeyondTheTable_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptor(0, 0, Buffer, 16, 3, 16);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "descriptor table of queue 0: 0x100000 names a descriptor beyond its table", isGuard: false);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Loop_IsRefused(int back)
    {
        using VirtioBench bench = Start();
        for (ushort i = 0; i < 8; i++)
        {
            bench.Driver.SetDescriptor(0, i, Buffer, 16, 3, (ushort)(i == 7 ? back : i + 1));
        }

        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "has more buffers than the queue has descriptors, or a loop", isGuard: false);
    }

    [Fact]
    public void Buffer_OfNoBytes_IsRefused() =>
        AssertChainRefused("is a buffer of no bytes", isGuard: false, new DriverBuffer(Buffer, 0, true));

    [Theory]
    [InlineData(uint.MaxValue)]
    [InlineData(0x8000_0000u)]
    [InlineData((uint)(RamEnd - Buffer) + 1)]
    public void Buffer_LongerThanMemory_IsRefused(uint length) =>
        AssertChainRefused("buffer of queue 0: 0x200000 is not in one range of RAM", isGuard: true, new DriverBuffer(Buffer, length, true));

    [Theory]
    [InlineData(RamEnd - 1, 2u)]
    [InlineData(RamEnd, 1u)]
    [InlineData(RamEnd + 0x1000, 16u)]
    [InlineData(GuestLayout.MmioHoleStart, 16u)]
    [InlineData(0xFEE0_0000UL, 16u)]
    [InlineData(GuestLayout.HighRamStart - 8, 16u)]
    [InlineData(1UL << 39, 16u)]
    [InlineData(ulong.MaxValue, 1u)]
    [InlineData(ulong.MaxValue - 15, 32u)]
    [InlineData(0x8000_0000_0000_0000UL, 16u)]
    public void Buffer_OutsideMemory_IsRefused(ulong address, uint length) =>
        AssertChainRefused("is not in one range of RAM", isGuard: true, new DriverBuffer(address, length, true));

    [Fact]
    public void Buffer_AtTheVeryEndOfMemory_IsTaken()
    {
        using VirtioBench bench = Start();
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(RamEnd - 16, 16, true)));
        Assert.True(bench.IsMemoryIntact);
    }

    [Fact]
    public void Buffers_ThatAreAllOfMemoryManyTimes_AreTaken_AndOnlyTheAnswerIsWritten()
    {
        using VirtioBench bench = Start(size: 256);

        // 256 times 8 MiB: 2 GiB, within the 4 GiB that a chain may have.
        for (ushort i = 0; i < 256; i++)
        {
            bench.Driver.SetDescriptor(0, i, 0x20_0000, 0x60_0000, (ushort)(i == 255 ? 2 : 3), (ushort)(i + 1));
        }

        Assert.Equal((uint)VirtioRng.MaximumAnswer, bench.Driver.SendHead(0, 0));
        Assert.True(bench.IsMemoryIntact);
    }

    [Fact]
    public void Buffer_ToBeReadAfterOneToBeWritten_IsRefused() =>
        AssertChainRefused(
            "comes after a buffer to be written", isGuard: false, new DriverBuffer(Buffer, 16, true), new DriverBuffer(Buffer, 16, false));

    [Fact]
    public void Request_WithoutRoomForAnAnswer_IsRefused() =>
        AssertChainRefused("has no room", isGuard: false, new DriverBuffer(Buffer, 16, false));

    [Theory]
    [InlineData(0u, "is an indirect table")]
    [InlineData(15u, "is an indirect table")]
    [InlineData(17u, "is an indirect table")]
    [InlineData(16u * 17, "is an indirect table")]
    [InlineData(uint.MaxValue, "is an indirect table")]
    public void IndirectTable_OfABadLength_IsRefused(uint length, string expected)
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptorAt(0x30_0000, Buffer, 16, 2);
        bench.Driver.SetDescriptor(0, 0, 0x30_0000, length, 4);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, expected, isGuard: false);
    }

    [Fact]
    public void IndirectTable_InATable_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptorAt(0x30_0000, 0x30_0000, 16, 4);
        bench.Driver.SetDescriptor(0, 0, 0x30_0000, 16, 4);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "indirect table of queue 0: 0x300000 is an indirect table", isGuard: false);
    }

    [Fact]
    public void IndirectTable_WithASuccessor_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptorAt(0x30_0000, Buffer, 16, 2);
        bench.Driver.SetDescriptor(0, 0, 0x30_0000, 16, 5, 1);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "is an indirect table", isGuard: false);
    }

    [Theory]
    [InlineData(RamEnd)]
    [InlineData(RamEnd - 8)]
    [InlineData(ulong.MaxValue - 8)]
    public void IndirectTable_OutsideMemory_IsRefused(ulong address)
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptor(0, 0, address, 16, 4);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "indirect table of queue 0", isGuard: true);
    }

    [Fact]
    public void IndirectTable_ThatLoops_IsRefused()
    {
        using VirtioBench bench = Start();
        bench.Driver.SetDescriptorAt(0x30_0000, Buffer, 16, 3, 1);
        bench.Driver.SetDescriptorAt(0x30_0010, Buffer, 16, 3, 0);
        bench.Driver.SetDescriptor(0, 0, 0x30_0000, 32, 4);
        bench.Driver.Offer(0, 0);
        AssertRefused(bench, "or a loop", isGuard: false);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(3u)]
    [InlineData(512u)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void Queue_OfABadSize_IsRefused(uint size) =>
        AssertPlaceRefused(size, 0x10_0000, 0x10_2000, 0x10_4000, "no power of two, or too large", isGuard: false);

    [Theory]
    [InlineData(0x10_0008UL, 0x10_2000UL, 0x10_4000UL)]
    [InlineData(0x10_0000UL, 0x10_2001UL, 0x10_4000UL)]
    [InlineData(0x10_0000UL, 0x10_2000UL, 0x10_4002UL)]
    public void Queue_Misaligned_IsRefused(ulong descriptors, ulong available, ulong used) =>
        AssertPlaceRefused(16, descriptors, available, used, "is not aligned", isGuard: false);

    [Theory]
    [InlineData(0x10_0000UL, 0x10_0000UL, 0x10_4000UL)]
    [InlineData(0x10_0000UL, 0x10_2000UL, 0x10_0080UL)]
    [InlineData(0x10_0000UL, 0x10_2000UL, 0x10_2020UL)]
    [InlineData(0x10_0000UL, 0x10_00F0UL, 0x10_4000UL)]
    public void Queue_WithRingsOverEachOther_IsRefused(ulong descriptors, ulong available, ulong used) =>
        AssertPlaceRefused(16, descriptors, available, used, "overlaps another ring", isGuard: false);

    [Theory]
    [InlineData(RamEnd, 0x10_2000UL, 0x10_4000UL)]
    [InlineData(RamEnd - 16, 0x10_2000UL, 0x10_4000UL)]
    [InlineData(0x10_0000UL, RamEnd - 2, 0x10_4000UL)]
    [InlineData(0x10_0000UL, 0x10_2000UL, 0xFFFF_FFFF_FFFF_FFF0UL)]
    [InlineData(0x10_0000UL, 0x10_2000UL, 0xC000_0000UL)]
    public void Queue_OutsideMemory_IsRefused(ulong descriptors, ulong available, ulong used) =>
        AssertPlaceRefused(16, descriptors, available, used, "is not in one range of RAM", isGuard: true);

    private static void AssertPlaceRefused(uint size, ulong descriptors, ulong available, ulong used, string expected, bool isGuard)
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        Assert.True(bench.Driver.Negotiate());

        bench.Driver.PlaceQueue(0, size, descriptors, available, used);

        Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
        Assert.Equal(VirtioStatus.NeedsReset, bench.Driver.Status & VirtioStatus.NeedsReset);
        Assert.Contains(expected, Assert.Single(bench.LogLines), StringComparison.Ordinal);
        Assert.Equal(isGuard ? 1 : 0, bench.Device.Statistics.GuardViolations);
        bench.Driver.Write(Register.Status, 15);
        Assert.Equal(VirtioStatus.None, bench.Driver.Status & VirtioStatus.DriverOk);
        bench.Driver.Start();
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
    }

    [Fact]
    public void Descriptor_ChangedAfterTheChainWasTaken_ChangesNothing()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);
        Virtqueue queue = bench.Transport.GetQueue(0);

        Assert.True(queue.TryPop(out DescriptorChain? chain));
        bench.Driver.SetChain(0, 0, new DriverBuffer(RamEnd + 0x1000, 0xFFFF, true));

        Assert.True(chain.TryWrite("0123456789abcdef"u8));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), 16).SequenceEqual("0123456789abcdef"u8));
    }

    [Fact]
    public void Log_OfADriverThatErrsForEver_IsBounded()
    {
        using VirtioBench bench = Start();
        for (int i = 0; i < 2000; i++)
        {
            bench.Driver.Start();
            bench.Driver.SetChain(0, 0, new DriverBuffer(RamEnd, 16, true));
            bench.Driver.Offer(0, 0);
            bench.Transport.ProcessQueue(0);
        }

        Assert.Equal(2000, bench.Device.Statistics.GuardViolations);
        Assert.InRange(bench.LogLines.Count, 10, 500);
    }
}
