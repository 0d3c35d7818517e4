namespace KvmSevVmm.Vmm.Console;

/// <summary>A queue of bytes that never grows. Not thread-safe.</summary>
/// <param name="capacity">Bytes it holds.</param>
internal sealed class ByteRing(int capacity)
{
    private readonly byte[] _data = new byte[capacity];
    private int _head;

    /// <summary>Bytes in it.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that fit in still.</summary>
    public int Free => _data.Length - Count;

    /// <summary>The oldest bytes, as many as lie together in memory; empty only if the ring is.</summary>
    public ReadOnlySpan<byte> Oldest => _data.AsSpan(_head, Math.Min(Count, _data.Length - _head));

    /// <summary>Appends a byte.</summary>
    /// <param name="value">The byte.</param>
    /// <returns>False if the ring is full.</returns>
    public bool TryAdd(byte value)
    {
        if (Count == _data.Length)
        {
            return false;
        }

        int tail = _head + Count;
        _data[tail < _data.Length ? tail : tail - _data.Length] = value;
        Count++;
        return true;
    }

    /// <summary>Appends as many bytes as fit.</summary>
    /// <param name="data">The bytes.</param>
    /// <returns>How many, from the first.</returns>
    public int Add(ReadOnlySpan<byte> data)
    {
        data = data[..Math.Min(data.Length, Free)];
        int tail = (_head + Count) % _data.Length;
        int first = Math.Min(data.Length, _data.Length - tail);
        data[..first].CopyTo(_data.AsSpan(tail));
        data[first..].CopyTo(_data);
        Count += data.Length;
        return data.Length;
    }

    /// <summary>Drops the oldest bytes.</summary>
    /// <param name="count">How many; at most <see cref="Count"/>.</param>
    public void Remove(int count)
    {
        _head = (_head + count) % _data.Length;
        Count -= count;
    }

    /// <summary>Moves the oldest bytes out.</summary>
    /// <param name="destination">Where to; it need not be filled.</param>
    /// <returns>How many were moved.</returns>
    public int Take(Span<byte> destination)
    {
        int taken = 0;
        while (taken < destination.Length && Count > 0)
        {
            ReadOnlySpan<byte> piece = Oldest;
            piece = piece[..Math.Min(piece.Length, destination.Length - taken)];
            piece.CopyTo(destination[taken..]);
            Remove(piece.Length);
            taken += piece.Length;
        }

        return taken;
    }
}
