using System.Globalization;
using KvmSevVmm.KvmNative.Errors;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class MappedRegionTests
{
    private const ulong Page = 4096;
    private const ulong HugePage = 2 << 20;

    [Theory]
    [InlineData(0UL, 0, true)]
    [InlineData(0UL, 8192, true)]
    [InlineData(8191UL, 1, true)]
    [InlineData(8192UL, 0, true)]
    [InlineData(8192UL, 1, false)]
    [InlineData(8193UL, 0, false)]
    [InlineData(8191UL, 2, false)]
    [InlineData(0UL, 8193, false)]
    [InlineData(0UL, -1, false)]
    [InlineData(1UL, int.MinValue, false)]
    [InlineData(ulong.MaxValue, 1, false)]
    [InlineData(ulong.MaxValue, int.MaxValue, false)]
    [InlineData(ulong.MaxValue - 1, 2, false)]
    public void GetSpan_OnlyInsideTheRegion(ulong offset, int length, bool isInside)
    {
        using MappedRegion region = MappedRegion.MapAnonymous(2 * Page);

        Assert.Equal(isInside, region.TryGetSpan(offset, length, out Span<byte> span));
        Assert.Equal(isInside ? length : 0, span.Length);
        if (isInside)
        {
            span.Fill(0x5A);
            Assert.Equal(length, region.GetSpan(offset, length).Length);
        }
        else
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => region.GetSpan(offset, length).Length);
        }
    }

    [Fact]
    public void ReadAndWrite_AnyAlignment_OnlyInsideTheRegion()
    {
        using MappedRegion region = MappedRegion.MapAnonymous(Page);

        Assert.True(region.TryWrite(Page - 8, 0x1122_3344_5566_7788UL));
        Assert.True(region.TryRead(Page - 7, out uint value));
        Assert.Equal(0x4455_6677u, value);
        Assert.False(region.TryWrite(Page - 7, ulong.MaxValue));
        Assert.False(region.TryRead(Page - 3, out value));
        Assert.Equal(0u, value);
        Assert.False(region.TryRead(ulong.MaxValue, out byte _));
        Assert.Equal("8877665544332211", Convert.ToHexString(region.GetSpan(Page - 8, 8)));
    }

    [Fact]
    public void GetReference_MustBeAlignedAndInside()
    {
        using MappedRegion region = MappedRegion.MapAnonymous(Page);

        Volatile.Write(ref region.GetReference<ushort>(Page - 2), 0xABCD);

        Assert.Equal(0xABCD, Volatile.Read(ref region.GetReference<ushort>(Page - 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.GetReference<ushort>(1) = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => region.GetReference<uint>(Page - 2) = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => region.GetReference<ulong>(ulong.MaxValue - 7) = 0);
    }

    [Theory]
    [InlineData(HugePage)]
    [InlineData(HugePage + 1)]
    [InlineData((5 * HugePage) + Page)]
    public void MapAnonymous_FromTwoMebibytesOn_IsAlignedForHugePagesAndWholeToItsLastByte(ulong length)
    {
        using MappedRegion region = MappedRegion.MapAnonymous(length);

        Assert.Equal(0UL, region.Address % HugePage);
        Assert.Equal(length, region.Length);
        region.GetSpan(0, 1)[0] = 1;
        region.GetSpan(length - 1, 1)[0] = 2;
    }

    [Fact]
    public void MapAnonymous_AddressSpaceTakenForTheAlignment_IsGivenBack()
    {
        const int Count = 512;
        long before = AddressSpaceBytes();

        MappedRegion[] regions = [.. Enumerable.Range(0, Count).Select(_ => MappedRegion.MapAnonymous(HugePage))];
        long whileMapped = AddressSpaceBytes();
        Array.ForEach(regions, region => region.Dispose());
        long after = AddressSpaceBytes();

        // Kept, the slack would double it to 2 GiB. Other tests run meanwhile, and each new thread takes some address space too.
        Assert.InRange(whileMapped - before, Count * (long)HugePage / 2, Count * (long)HugePage * 3 / 2);
        Assert.InRange(whileMapped - after, Count * (long)HugePage / 2, Count * (long)HugePage * 3 / 2);
    }

    [Fact]
    public void MapAnonymous_MoreThanFourGibibytes_IsReachableBeyond()
    {
        const ulong Length = 5UL << 30;
        using MappedRegion region = MappedRegion.MapAnonymous(Length);

        Assert.True(region.TryWrite(Length - 4, 0xFEED_F00Du));
        Assert.True(region.TryRead(Length - 4, out uint value));
        Assert.Equal(0xFEED_F00Du, value);
    }

    [Fact]
    public void MapAnonymous_Impossible_SaysSo()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => MappedRegion.MapAnonymous(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => MappedRegion.MapAnonymous(ulong.MaxValue));
        KvmException e = Assert.Throws<KvmException>(() => MappedRegion.MapAnonymous(1UL << 60));
        Assert.Equal(("mmap", Errno.ENOMEM), (e.Call, e.Errno));
    }

    [Fact]
    public void Dispose_EveryAccessThrowsAfterwards()
    {
        MappedRegion region = MappedRegion.MapAnonymous(Page);
        region.Dispose();

        Assert.Throws<ObjectDisposedException>(() => region.GetSpan(0, 1).Length);
        Assert.Throws<ObjectDisposedException>(() => region.TryGetSpan(0, 1, out _));
        Assert.Throws<ObjectDisposedException>(() => region.TryRead(0, out byte _));
        Assert.Throws<ObjectDisposedException>(() => region.TryWrite(0, (byte)1));
        Assert.Throws<ObjectDisposedException>(() => region.GetReference<byte>(0) = 1);
        Assert.Throws<ObjectDisposedException>(() => region.Advise(0, Page, MemoryAdvice.DontNeed));
        Assert.Throws<ObjectDisposedException>(() => region.Address);
    }

    [Fact]
    public void Advise_DontNeed_ZeroesOnlyThoseBytes()
    {
        using MappedRegion region = MappedRegion.MapAnonymous(3 * Page);
        region.GetSpan(0, (int)(3 * Page)).Fill(0xEE);

        region.Advise(Page, Page, MemoryAdvice.DontNeed);

        Assert.All(region.GetSpan(0, (int)Page).ToArray(), value => Assert.Equal(0xEE, value));
        Assert.All(region.GetSpan(Page, (int)Page).ToArray(), value => Assert.Equal(0, value));
        Assert.All(region.GetSpan(2 * Page, (int)Page).ToArray(), value => Assert.Equal(0xEE, value));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Advise(2 * Page, 2 * Page, MemoryAdvice.DontNeed));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Advise(ulong.MaxValue, 2, MemoryAdvice.DontNeed));
        Assert.Equal("madvise", Assert.Throws<KvmException>(() => region.Advise(1, 1, MemoryAdvice.DontNeed)).Call);
    }

    [Fact]
    public void MapFile_WritesStayInTheMapping()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [1, 2, 3]);
            using (MappedRegion region = MappedRegion.MapFile(path))
            {
                Assert.Equal(3UL, region.Length);
                Assert.Equal([1, 2, 3], region.GetSpan(0, 3).ToArray());
                region.GetSpan(0, 3).Fill(9);
                Assert.False(region.TryGetSpan(0, 4, out _));
            }

            Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
            File.WriteAllBytes(path, []);
            Assert.Contains(path, Assert.Throws<IOException>(() => MappedRegion.MapFile(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void MapFd_Shared_WritesReachTheFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[2 * Page]);
            using (Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path, access: FileAccess.ReadWrite))
            using (MappedRegion region = MappedRegion.MapFd(file, Page, Page, shared: true))
            {
                region.GetSpan(0, 1)[0] = 0x77;
                Assert.Throws<KvmException>(() => MappedRegion.MapFd(file, 1, Page, shared: true));
            }

            Assert.Equal(0x77, File.ReadAllBytes(path)[Page]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static long AddressSpaceBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0], CultureInfo.InvariantCulture) * (long)Page;
}
