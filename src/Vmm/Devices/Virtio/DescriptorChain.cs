using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>One request of a driver: bytes to be read, then bytes to be written. All of a queue that a device sees.</summary>
/// <remarks>
/// <para>Each queue has one, which is filled anew by <see cref="Virtqueue.TryPop"/>. Reading and writing move a position each. The
/// descriptors were copied, checked and are never looked at again; the buffers' bytes can change at any time, so copy, check the copy, use
/// the copy.</para>
/// <para>When the guest has converted any page since the chain was checked, it is checked again before its memory is touched.</para>
/// </remarks>
public sealed class DescriptorChain
{
    private readonly GuestMemory _memory;
    private readonly SharedMemoryGuard _guard;
    private readonly Virtqueue _queue;
    private readonly GuestBuffer[] _buffers = new GuestBuffer[Virtqueue.MaximumSize];
    private Position _read;
    private Position _write;
    private int _readableCount;
    private int _count;
    private ulong _checkedGeneration;

    internal DescriptorChain(GuestMemory memory, SharedMemoryGuard guard, Virtqueue queue)
    {
        _memory = memory;
        _guard = guard;
        _queue = queue;
    }

    /// <summary>Index of the first descriptor: what the driver knows the request by.</summary>
    public ushort Head { get; private set; }

    /// <summary>Bytes that are left to read.</summary>
    public ulong ReadableLength { get; private set; }

    /// <summary>Bytes that are left to write.</summary>
    public ulong WritableLength { get; private set; }

    /// <summary>Buffers in the chain.</summary>
    public int BufferCount => _count;

    internal ulong ByteCount => ReadableLength + WritableLength;

    internal bool HasWritable => _count > _readableCount;

    /// <summary>Copies bytes out of the chain and moves on behind them.</summary>
    /// <param name="destination">Filled on success.</param>
    /// <returns>False when fewer are left, or the guest has made one of its pages private.</returns>
    public bool TryRead(Span<byte> destination)
    {
        if ((ulong)destination.Length > ReadableLength || !IsStillShared())
        {
            return false;
        }

        ReadableLength -= (ulong)destination.Length;
        while (!destination.IsEmpty)
        {
            GuestBuffer piece = _read.Take(_buffers, (uint)destination.Length);
            _memory.Read(piece.Start, destination[..(int)piece.Length]);
            destination = destination[(int)piece.Length..];
        }

        return true;
    }

    /// <summary>Copies bytes into the chain and moves on behind them.</summary>
    /// <param name="source">The bytes.</param>
    /// <returns>False when there is less room, or the guest has made one of its pages private; then nothing is written.</returns>
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        if ((ulong)source.Length > WritableLength || !IsStillShared())
        {
            return false;
        }

        WritableLength -= (ulong)source.Length;
        while (!source.IsEmpty)
        {
            GuestBuffer piece = _write.Take(_buffers, (uint)source.Length);
            _memory.Write(piece.Start, source[..(int)piece.Length]);
            source = source[(int)piece.Length..];
        }

        return true;
    }

    /// <summary>Hands bytes to be read to a disk, without a copy, and moves on behind them.</summary>
    /// <param name="list">Gets the pieces.</param>
    /// <param name="length">Bytes.</param>
    /// <returns>False when fewer are left, or the guest has made one of its pages private.</returns>
    public bool TryAppendReadable(IoVectorList list, ulong length)
    {
        if (length > ReadableLength || !IsStillShared())
        {
            return false;
        }

        ReadableLength -= length;
        Append(list, ref _read, length);
        return true;
    }

    /// <summary>Hands room to be written to a disk, without a copy, and moves on behind it.</summary>
    /// <param name="list">Gets the pieces.</param>
    /// <param name="length">Bytes.</param>
    /// <returns>False when there is less room, or the guest has made one of its pages private.</returns>
    public bool TryAppendWritable(IoVectorList list, ulong length)
    {
        if (length > WritableLength || !IsStillShared())
        {
            return false;
        }

        WritableLength -= length;
        Append(list, ref _write, length);
        return true;
    }

    /// <summary>Moves on behind bytes that are not wanted.</summary>
    /// <param name="length">Bytes; at most <see cref="ReadableLength"/>.</param>
    public void SkipReadable(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, ReadableLength);
        ReadableLength -= length;
        while (length > 0)
        {
            length -= _read.Take(_buffers, (uint)Math.Min(length, uint.MaxValue)).Length;
        }
    }

    /// <summary>Moves on behind room that is left as it is.</summary>
    /// <param name="length">Bytes; at most <see cref="WritableLength"/>.</param>
    public void SkipWritable(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, WritableLength);
        WritableLength -= length;
        while (length > 0)
        {
            length -= _write.Take(_buffers, (uint)Math.Min(length, uint.MaxValue)).Length;
        }
    }

    /// <summary>Begins a new chain.</summary>
    internal void Begin(ushort head, ulong generation)
    {
        Head = head;
        ReadableLength = 0;
        WritableLength = 0;
        _readableCount = 0;
        _count = 0;
        _checkedGeneration = generation;
    }

    /// <summary>Adds a buffer that has been checked; one to be read never comes after one to be written.</summary>
    internal void Add(GuestBuffer buffer, bool isWritable)
    {
        _buffers[_count++] = buffer;
        if (isWritable)
        {
            WritableLength += buffer.Length;
        }
        else
        {
            ReadableLength += buffer.Length;
            _readableCount = _count;
        }
    }

    /// <summary>Ends the filling.</summary>
    internal void Rewind()
    {
        _read = default;
        _write = new Position { Index = _readableCount };
    }

    private void Append(IoVectorList list, ref Position position, ulong length)
    {
        while (length > 0)
        {
            GuestBuffer piece = position.Take(_buffers, (uint)Math.Min(length, uint.MaxValue));
            if (!_memory.TryAppendTo(list, piece.Start, piece.Length))
            {
                throw new InvalidOperationException($"{piece} was checked to be RAM and is not");
            }

            length -= piece.Length;
        }
    }

    private bool IsStillShared()
    {
        ulong generation = _guard.Generation;
        if (generation == _checkedGeneration)
        {
            return true;
        }

        foreach (GuestBuffer buffer in _buffers.AsSpan(0, _count))
        {
            if (!_guard.Allows(buffer.Start, buffer.Length, VirtqueuePart.Buffer, out VirtqueueFault fault))
            {
                _queue.Break(fault);
                return false;
            }
        }

        _checkedGeneration = generation;
        return true;
    }

    /// <summary>How far a side of the chain has been used.</summary>
    private struct Position
    {
        public int Index;
        public uint Offset;

        /// <summary>Takes the next piece of at most so many bytes. The caller knows that there is one.</summary>
        public GuestBuffer Take(GuestBuffer[] buffers, uint most)
        {
            GuestBuffer buffer = buffers[Index];
            uint length = Math.Min(most, buffer.Length - Offset);
            var piece = new GuestBuffer(buffer.Start + Offset, length);
            Offset += length;
            if (Offset == buffer.Length)
            {
                Index++;
                Offset = 0;
            }

            return piece;
        }
    }
}
