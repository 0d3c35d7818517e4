using System.Buffers.Binary;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>virtio-blk over a raw file or a block device.</summary>
/// <remarks>
/// <para>One request at a time, on the device's own thread, by preadv and pwritev between the file and the guest's buffers, without a
/// copy. The host's errors are the guest's: VIRTIO_BLK_S_IOERR, or UNSUPP for what the file system cannot do.</para>
/// <para>Without VIRTIO_BLK_F_FLUSH agreed on, each write is on the disk when it is answered. Source: virtio 1.2, 5.2.</para>
/// </remarks>
public sealed class VirtioBlock : VirtioDevice, IDisposable
{
    /// <summary>Bytes of a sector, whatever the disk's blocks are.</summary>
    public const int SectorSize = 512;

    /// <summary>Most queues.</summary>
    public const int MaximumQueues = 16;

    /// <summary>Bytes of the name that VIRTIO_BLK_T_GET_ID gives.</summary>
    public const int IdLength = 20;

    /// <summary>Most segments of one discard or write-zeroes request.</summary>
    private const int MaximumRangeSegments = 16;

    /// <summary>Most sectors of one such segment: 256 MiB, so that one request does not keep the guest waiting for long.</summary>
    private const uint MaximumRangeSectors = 512 * 1024;

    private const int HeaderLength = 16;
    private const int RangeLength = 16;
    private const uint UnmapFlag = 1;
    private const int ConfigLength = 60;

    private const ulong SegmentMaximumFeature = 1UL << 2;
    private const ulong ReadOnlyFeature = 1UL << 5;
    private const ulong BlockSizeFeature = 1UL << 6;
    private const ulong FlushFeature = 1UL << 9;
    private const ulong MultiQueueFeature = 1UL << 12;
    private const ulong DiscardFeature = 1UL << 13;
    private const ulong WriteZeroesFeature = 1UL << 14;

    private readonly DiskFile _file;
    private readonly BoundedLog _log;
    private readonly ulong _sectorCount;
    private readonly byte[] _id = new byte[IdLength];
    private readonly IoVectorList _pieces = new(Virtqueue.MaximumSize);
    private bool _isWriteThrough;

    /// <summary>Makes the disk.</summary>
    /// <param name="name">What logs and results call it, and the guest's VIRTIO_BLK_T_GET_ID.</param>
    /// <param name="file">What it stands on; the device owns it from now on.</param>
    /// <param name="queueCount">How many queues it has, 1 to <see cref="MaximumQueues"/>.</param>
    /// <param name="log">For the host's errors.</param>
    public VirtioBlock(string name, DiskFile file, int queueCount, BoundedLog log)
        : base(VirtioDeviceType.Block, name, queueCount, ConfigLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queueCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(queueCount, MaximumQueues);
        _file = file;
        _log = log;
        _sectorCount = (ulong)file.Length / SectorSize;
        _ = System.Text.Encoding.UTF8.GetBytes(name, _id);
        Features = SegmentMaximumFeature | BlockSizeFeature | FlushFeature | MultiQueueFeature
            | (file.IsReadOnly ? ReadOnlyFeature : DiscardFeature | WriteZeroesFeature);
        SetConfig64(0, _sectorCount);
        SetConfig32(12, Virtqueue.MaximumSize - 2); // a header and a status stand beside the data
        SetConfig32(20, SectorSize);
        SetConfig16(34, (ushort)queueCount);
        if (!file.IsReadOnly)
        {
            SetConfig32(36, MaximumRangeSectors);
            SetConfig32(40, MaximumRangeSegments);
            SetConfig32(44, 4096 / SectorSize);
            SetConfig32(48, MaximumRangeSectors);
            SetConfig32(52, MaximumRangeSegments);
            Config[56] = 1; // write zeroes may unmap
        }
    }

    /// <inheritdoc/>
    public override void OnActivated(ulong features) => _isWriteThrough = (features & FlushFeature) == 0;

    /// <inheritdoc/>
    public override QueueProgress ProcessNext(Virtqueue queue)
    {
        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        if (chain.WritableLength == 0 || chain.ReadableLength < HeaderLength)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        if (!chain.TryRead(header))
        {
            return QueueProgress.Idle; // its pages are private by now, and the queue has stopped
        }

        // The status is the last byte; everything before it is data.
        ulong dataLength = chain.WritableLength - 1;
        BlockStatus status = Execute(
            (BlockRequestType)BinaryPrimitives.ReadUInt32LittleEndian(header),
            BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
            chain,
            out ulong written);
        chain.SkipWritable(chain.WritableLength - 1);
        if (!chain.TryWrite([(byte)status]))
        {
            return QueueProgress.Idle;
        }

        // What is reported as written begins with the first byte and has no gap, so the status counts only behind whole data.
        queue.AddUsed(chain.Head, (uint)Math.Min(written == dataLength ? written + 1 : written, uint.MaxValue));
        return QueueProgress.Processed;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _pieces.Dispose();
    }

    private BlockStatus Execute(BlockRequestType type, ulong sector, DescriptorChain chain, out ulong written)
    {
        written = 0;
        switch (type)
        {
            case BlockRequestType.Read:
                return Read(sector, chain, out written);
            case BlockRequestType.Write:
                return Write(sector, chain);
            case BlockRequestType.Flush:
                return ToStatus(type, _file.IsReadOnly ? Errno.None : _file.Flush());
            case BlockRequestType.GetId:
                ulong length = Math.Min(chain.WritableLength - 1, IdLength);
                if (!chain.TryWrite(_id.AsSpan(0, (int)length)))
                {
                    return BlockStatus.IoError;
                }

                written = length;
                return BlockStatus.Ok;
            case BlockRequestType.Discard or BlockRequestType.WriteZeroes when !_file.IsReadOnly:
                return ChangeRanges(type, chain);
            default:
                return BlockStatus.Unsupported;
        }
    }

    private BlockStatus Read(ulong sector, DescriptorChain chain, out ulong written)
    {
        ulong length = chain.WritableLength - 1;
        written = 0;
        _pieces.Clear();
        if (!IsOnDisk(sector, length) || !chain.TryAppendWritable(_pieces, length))
        {
            return BlockStatus.IoError;
        }

        Errno error = _file.ReadAll(_pieces, (long)sector * SectorSize);
        written = length - _pieces.ByteCount;
        Statistics.BytesToGuest += (long)written;
        return ToStatus(BlockRequestType.Read, error);
    }

    private BlockStatus Write(ulong sector, DescriptorChain chain)
    {
        ulong length = chain.ReadableLength;
        _pieces.Clear();
        if (_file.IsReadOnly || !IsOnDisk(sector, length) || !chain.TryAppendReadable(_pieces, length))
        {
            return BlockStatus.IoError;
        }

        Errno error = _file.WriteAll(_pieces, (long)sector * SectorSize);
        Statistics.BytesFromGuest += (long)(length - _pieces.ByteCount);
        if (error == Errno.None && _isWriteThrough)
        {
            error = _file.Flush();
        }

        return ToStatus(BlockRequestType.Write, error);
    }

    private BlockStatus ChangeRanges(BlockRequestType type, DescriptorChain chain)
    {
        Span<byte> ranges = stackalloc byte[MaximumRangeSegments * RangeLength];
        ulong length = chain.ReadableLength;
        if (length == 0 || length % RangeLength != 0 || length > (ulong)ranges.Length)
        {
            return BlockStatus.IoError;
        }

        ranges = ranges[..(int)length];
        if (!chain.TryRead(ranges))
        {
            return BlockStatus.IoError;
        }

        // All are judged before the first is done.
        for (int i = 0; i < ranges.Length; i += RangeLength)
        {
            BlockStatus verdict = Judge(type, ranges[i..]);
            if (verdict != BlockStatus.Ok)
            {
                return verdict;
            }
        }

        Errno error = Errno.None;
        for (int i = 0; i < ranges.Length && error == Errno.None; i += RangeLength)
        {
            error = ChangeRange(type, ranges[i..]);
        }

        if (error == Errno.None && _isWriteThrough)
        {
            error = _file.Flush();
        }

        return ToStatus(type, error);
    }

    private BlockStatus Judge(BlockRequestType type, ReadOnlySpan<byte> range)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
        if ((flags & ~UnmapFlag) != 0 || (type == BlockRequestType.Discard && flags != 0))
        {
            return BlockStatus.Unsupported;
        }

        return count <= MaximumRangeSectors && IsOnDisk(BinaryPrimitives.ReadUInt64LittleEndian(range), (ulong)count * SectorSize)
            ? BlockStatus.Ok
            : BlockStatus.IoError;
    }

    private Errno ChangeRange(BlockRequestType type, ReadOnlySpan<byte> range)
    {
        long offset = (long)BinaryPrimitives.ReadUInt64LittleEndian(range) * SectorSize;
        long length = (long)BinaryPrimitives.ReadUInt32LittleEndian(range[8..]) * SectorSize;
        if (length == 0)
        {
            return Errno.None;
        }

        bool mayDiscard = (BinaryPrimitives.ReadUInt32LittleEndian(range[12..]) & UnmapFlag) != 0;
        return type == BlockRequestType.Discard ? _file.Discard(offset, length) : _file.WriteZeroes(offset, length, mayDiscard);
    }

    private bool IsOnDisk(ulong sector, ulong length) =>
        length % SectorSize == 0 && length / SectorSize <= _sectorCount && sector <= _sectorCount - (length / SectorSize);

    private BlockStatus ToStatus(BlockRequestType type, Errno error)
    {
        if (error == Errno.None)
        {
            return BlockStatus.Ok;
        }

        if (error == Errno.EOPNOTSUPP)
        {
            return BlockStatus.Unsupported;
        }

        Statistics.HostErrors++;
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning(
                "{Disk}: a request of the guest ({Type}) failed on the host: {Error}",
                Name,
                type.ToString(),
                ErrnoText.NameAndNumber(error));
        }

        return BlockStatus.IoError;
    }
}
