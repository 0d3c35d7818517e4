using System.Buffers.Binary;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Serilog;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>virtio-blk, through its registers and rings.</summary>
public sealed class BlockTests
{
    private const ulong Header = 0x20_0000;
    private const ulong Data = 0x21_0000;
    private const ulong StatusByte = 0x30_0000;
    private const byte Ok = 0;
    private const byte IoError = 1;
    private const byte Unsupported = 2;

    private static void SetHeader(VirtioBench bench, uint type, ulong sector)
    {
        bench.Memory.Write(new Gpa(Header), type);
        bench.Memory.Write(new Gpa(Header + 4), 0u);
        bench.Memory.Write(new Gpa(Header + 8), sector);
        bench.Memory.Write(new Gpa(StatusByte), (byte)0xEE);
    }

    private static byte Request(VirtioBench bench, uint type, ulong sector, uint length, bool isRead) =>
        Request(bench, type, sector, length, isRead, out _);

    private static byte Request(VirtioBench bench, uint type, ulong sector, uint length, bool isRead, out uint? written)
    {
        SetHeader(bench, type, sector);
        written = length == 0
            ? bench.Driver.Send(0, new DriverBuffer(Header, 16, false), new DriverBuffer(StatusByte, 1, true))
            : bench.Driver.Send(
                0, new DriverBuffer(Header, 16, false), new DriverBuffer(Data, length, isRead), new DriverBuffer(StatusByte, 1, true));
        Assert.NotNull(written);
        return bench.Memory.Read<byte>(new Gpa(StatusByte));
    }

    private static byte ChangeRange(VirtioBench bench, uint type, ulong sector, uint count, uint flags)
    {
        bench.Memory.Write(new Gpa(Data), sector);
        bench.Memory.Write(new Gpa(Data + 8), count);
        bench.Memory.Write(new Gpa(Data + 12), flags);
        return Request(bench, type, 0, 16, isRead: false);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameBytes_AndTheFileHoldsThem()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();
        byte[] bytes = new byte[64 << 10];
        new Random(7).NextBytes(bytes);
        bench.Memory.Write(new Gpa(Data), bytes);

        Assert.Equal(Ok, Request(bench, 1, 3, (uint)bytes.Length, isRead: false, out uint? forWrite));
        Assert.Equal(1u, forWrite);
        bench.Memory.GetSpan(new Gpa(Data), bytes.Length).Clear();
        Assert.Equal(Ok, Request(bench, 0, 3, (uint)bytes.Length, isRead: true, out uint? forRead));

        Assert.Equal((uint)bytes.Length + 1, forRead);
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Data), bytes.Length).SequenceEqual(bytes));
        Assert.Equal(bytes, File.ReadAllBytes(disk.Path).AsSpan(3 * 512, bytes.Length));
        Assert.Equal(bytes.Length, bench.Device.Statistics.BytesToGuest);
        Assert.Equal(bytes.Length, bench.Device.Statistics.BytesFromGuest);
    }

    [Fact]
    public void Request_CutIntoOddPieces_IsOneRequest()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();
        byte[] bytes = new byte[1024];
        new Random(8).NextBytes(bytes);
        bench.Memory.Write(new Gpa(Data), bytes);
        SetHeader(bench, 1, 0);

        Assert.Equal(1u, bench.Driver.Send(
            0,
            new DriverBuffer(Header, 3, false),
            new DriverBuffer(Header + 3, 13, false),
            new DriverBuffer(Data, 1, false),
            new DriverBuffer(Data + 1, 1000, false),
            new DriverBuffer(Data + 1001, 23, false),
            new DriverBuffer(StatusByte, 1, true)));

        Assert.Equal(Ok, bench.Memory.Read<byte>(new Gpa(StatusByte)));
        Assert.Equal(bytes, File.ReadAllBytes(disk.Path).AsSpan(0, 1024));
        SetHeader(bench, 0, 0);
        bench.Memory.GetSpan(new Gpa(Data), 2048).Clear();
        Assert.Equal(1025u, bench.Driver.Send(
            0, new DriverBuffer(Header, 16, false), new DriverBuffer(Data, 700, true), new DriverBuffer(Data + 1000, 325, true)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Data), 700).SequenceEqual(bytes.AsSpan(0, 700)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Data + 1000), 324).SequenceEqual(bytes.AsSpan(700)));
        Assert.Equal(Ok, bench.Memory.Read<byte>(new Gpa(Data + 1324)));
    }

    [Theory]
    [InlineData(0UL, 512u, Ok)]
    [InlineData(2047UL, 512u, Ok)]
    [InlineData(2048UL, 512u, IoError)]
    [InlineData(2047UL, 1024u, IoError)]
    [InlineData(ulong.MaxValue, 512u, IoError)]
    [InlineData(1UL << 55, 512u, IoError)]
    [InlineData(0UL, 511u, IoError)]
    public void Sector_BeyondTheDisk_IsAnIoError(ulong sector, uint length, byte expected)
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Equal(expected, Request(bench, 0, sector, length, isRead: true));
        Assert.Equal(expected, Request(bench, 1, sector, length, isRead: false));
        Assert.Equal(1 << 20, new FileInfo(disk.Path).Length);
    }

    [Fact]
    public void ReadOnlyDisk_OffersNoChanges_AndRefusesThem()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(isReadOnly: true));
        bench.Driver.Start();

        Assert.NotEqual(0UL, bench.Device.Features & (1UL << 5));
        Assert.Equal(0UL, bench.Device.Features & ((1UL << 13) | (1UL << 14)));
        Assert.Equal(IoError, Request(bench, 1, 0, 512, isRead: false));
        Assert.Equal(Unsupported, ChangeRange(bench, 11, 0, 8, 0));
        Assert.Equal(Unsupported, ChangeRange(bench, 13, 0, 8, 0));
        Assert.Equal(Ok, Request(bench, 4, 0, 0, isRead: false));
        Assert.Equal(Ok, Request(bench, 0, 0, 512, isRead: true));
    }

    [Fact]
    public void GetId_GivesTheName_AndNoMoreThanThereIsRoomFor()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Equal(Ok, Request(bench, 8, 0, 20, isRead: true, out uint? written));
        Assert.Equal(21u, written);
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Data), 6).SequenceEqual("disk0\0"u8));
        Assert.Equal(Ok, Request(bench, 8, 0, 3, isRead: true, out uint? cut));
        Assert.Equal(4u, cut);
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(0x1234_5678u)]
    [InlineData(uint.MaxValue)]
    public void UnknownRequest_IsUnsupported(uint type)
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Equal(Unsupported, Request(bench, type, 0, 512, isRead: true));
    }

    [Fact]
    public void Discard_AndWriteZeroes_LeaveZerosAndNothingElseChanged()
    {
        using var disk = new DiskImage(1 << 20);
        File.WriteAllBytes(disk.Path, Enumerable.Repeat((byte)0x77, 1 << 20).ToArray());
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Equal(Ok, ChangeRange(bench, 11, 16, 16, 0));
        Assert.Equal(Ok, ChangeRange(bench, 13, 64, 8, 0));
        Assert.Equal(Ok, ChangeRange(bench, 13, 128, 8, 1));
        Assert.Equal(Ok, ChangeRange(bench, 13, 3, 1, 0));

        byte[] file = File.ReadAllBytes(disk.Path);
        Assert.Equal(1 << 20, file.Length);
        for (int sector = 0; sector < 2048; sector++)
        {
            bool isZero = sector is (>= 16 and < 32) or (>= 64 and < 72) or (>= 128 and < 136) or 3;
            Assert.Equal(isZero ? (byte)0 : (byte)0x77, file[sector * 512]);
            Assert.Equal(isZero ? (byte)0 : (byte)0x77, file[(sector * 512) + 511]);
        }
    }

    [Theory]
    [InlineData(11u, 0UL, 8u, 1u, Unsupported)]
    [InlineData(13u, 0UL, 8u, 2u, Unsupported)]
    [InlineData(13u, 2047UL, 2u, 0u, IoError)]
    [InlineData(11u, ulong.MaxValue, 8u, 0u, IoError)]
    [InlineData(13u, 0UL, uint.MaxValue, 0u, IoError)]
    [InlineData(13u, 0UL, 0u, 0u, Ok)]
    public void Range_ThatCannotBe_IsRefused(uint type, ulong sector, uint count, uint flags, byte expected)
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Equal(expected, ChangeRange(bench, type, sector, count, flags));
    }

    [Fact]
    public void Request_WithoutHeaderOrStatus_StopsTheQueue()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Header, 16, false), new DriverBuffer(Data, 512, false)));
        Assert.Equal(1, bench.Device.Statistics.ProtocolErrors);
        bench.Driver.Start();
        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Header, 15, false), new DriverBuffer(StatusByte, 1, true)));
        Assert.Equal(2, bench.Device.Statistics.ProtocolErrors);
        bench.Driver.Start();
        Assert.Equal(Ok, Request(bench, 0, 0, 512, isRead: true));
    }

    [Fact]
    public void Image_Truncated_GivesIoErrors_AndTheDeviceGoesOn()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();
        using (FileStream file = new(disk.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(4096 + 100);
        }

        Assert.Equal(IoError, Request(bench, 0, 100, 512, isRead: true));
        Assert.Equal(IoError, Request(bench, 0, 8, 512, isRead: true, out uint? written));
        Assert.Equal(100u, written);
        Assert.Equal(Ok, Request(bench, 0, 7, 512, isRead: true));
        Assert.Equal(2, bench.Device.Statistics.HostErrors);
    }

    /// <summary>The kernel itself reads less than it is asked for: at most 2 GiB less a page at once.</summary>
    [Fact]
    public void ShortRead_OfTheHost_IsContinuedWhereItEnded()
    {
        const int PieceLength = 16 << 20;
        const int PieceCount = 128;
        const int EndLength = 1 << 20;
        const long MostAtOnce = 0x7FFF_F000;
        using var disk = new DiskImage(((long)PieceCount * PieceLength) + EndLength);
        byte[] bytes = new byte[0x1000 + EndLength];
        new Random(9).NextBytes(bytes);
        using (FileStream file = new(disk.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = MostAtOnce;
            file.Write(bytes);
        }

        const ulong Piece = 4 << 20;
        const ulong End = Piece + PieceLength;
        using var bench = new VirtioBench(disk.Open(), layout: GuestLayout.Create(End + EndLength, 40));
        bench.Driver.Start(size: Virtqueue.MaximumSize);
        SetHeader(bench, 0, 0);

        // All pieces but the last are the same memory, in which the last of them is left.
        uint? written = bench.Driver.Send(
            0,
            [
                new DriverBuffer(Header, 16, false),
                .. Enumerable.Repeat(new DriverBuffer(Piece, PieceLength, true), PieceCount),
                new DriverBuffer(End, EndLength, true),
                new DriverBuffer(StatusByte, 1, true),
            ]);

        Assert.Equal(((uint)PieceCount * PieceLength) + EndLength + 1, written);
        Assert.Equal(Ok, bench.Memory.Read<byte>(new Gpa(StatusByte)));
        Assert.Equal(0, bench.Memory.Read<byte>(new Gpa(End - 0x1001)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(End - 0x1000), bytes.Length).SequenceEqual(bytes));
        Assert.Equal(0, bench.Device.Statistics.HostErrors);
    }

    [Fact]
    public void Image_Removed_IsUsedOn()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open());
        bench.Driver.Start();
        File.Delete(disk.Path);

        Assert.Equal(Ok, Request(bench, 1, 0, 512, isRead: false));
        Assert.Equal(Ok, Request(bench, 0, 0, 512, isRead: true));
        Assert.Equal(Ok, Request(bench, 4, 0, 0, isRead: false));
    }

    [Fact]
    public void Image_InUse_IsNotOpenedTwiceForWriting()
    {
        using var disk = new DiskImage(1 << 20);
        using VirtioBlock first = disk.Open();

        KvmException error = Assert.Throws<KvmException>(() => disk.Open());

        Assert.Equal(Errno.EAGAIN, error.Errno);
    }

    [Fact]
    public void Write_ThatTheHostRefuses_GivesAnIoError_AndTheDeviceGoesOn()
    {
        List<string> lines = [];
        using Logger log = new LoggerConfiguration().WriteTo.Sink(new LineSink(lines)).CreateLogger();
        using var image = new SealedImage(1 << 20);
        using var bench = new VirtioBench(image.Open(log));
        bench.Driver.Start();
        image.CutOff(8192);

        Assert.Equal(IoError, Request(bench, 1, 16, 512, isRead: false, out uint? written));
        Assert.Equal(1u, written);
        Assert.Equal(IoError, Request(bench, 1, 15, 1024, isRead: false)); // the first half is on the disk
        Assert.Equal(2, bench.Device.Statistics.HostErrors);
        Assert.All(lines, static line => Assert.Equal("disk0: a request of the guest (Write) failed on the host: EPERM (1)", line));
        Assert.Equal(2, lines.Count);

        bench.Memory.GetSpan(new Gpa(Data), 512).Fill(0x5A);
        Assert.Equal(Ok, Request(bench, 1, 0, 512, isRead: false));
        bench.Memory.GetSpan(new Gpa(Data), 512).Clear();
        Assert.Equal(Ok, Request(bench, 0, 0, 512, isRead: true));
        Assert.Equal(0x5A, bench.Memory.Read<byte>(new Gpa(Data)));
        Assert.Equal(2, bench.Device.Statistics.HostErrors);
    }

    [Fact]
    public void Config_TellsSizeQueuesAndLimits()
    {
        using var disk = new DiskImage((1 << 20) + 100);
        using var bench = new VirtioBench(disk.Open(queues: 4));
        byte[] config = new byte[64];
        bench.Device.ReadConfig(0, config);

        Assert.Equal(2048UL, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal(254u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(12)));
        Assert.Equal(512u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(20)));
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(34)));
        Assert.Equal(4, bench.Device.QueueCount);
    }

    [Fact]
    public void Queues_AllOfThem_ReachTheDisk()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(queues: 4));
        bench.Driver.Start();
        for (int queue = 0; queue < 4; queue++)
        {
            SetHeader(bench, 1, (ulong)queue);
            bench.Memory.GetSpan(new Gpa(Data), 512).Fill((byte)(queue + 1));
            Assert.Equal(1u, bench.Driver.Send(
                queue, new DriverBuffer(Header, 16, false), new DriverBuffer(Data, 512, false), new DriverBuffer(StatusByte, 1, true)));
        }

        Assert.Equal([1, 2, 3, 4], new[] { 0, 1, 2, 3 }.Select(sector => (int)File.ReadAllBytes(disk.Path)[sector * 512]));
    }
}
