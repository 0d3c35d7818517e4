using System.Diagnostics;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A growing table of things of one size, in chunks that snapshots share until they are written to.</summary>
/// <typeparam name="T">What a thing is made of.</typeparam>
/// <remarks>The present epoch counts the snapshots; a chunk of another epoch belongs to a snapshot too.</remarks>
internal struct ChunkTable<T>
    where T : unmanaged
{
    /// <summary>The chunks; null beyond the last that is in use.</summary>
    public T[][] Chunks = [];

    /// <summary>The epoch that each chunk belongs to.</summary>
    public long[] Epochs = [];

    private readonly int _chunkBits;
    private readonly int _chunkLength;
    private readonly int _maximumCount;
    private bool _isFrozen;

    /// <summary>Makes an empty table.</summary>
    /// <param name="chunkBits">log2 of the things in a chunk.</param>
    /// <param name="chunkLength">Elements in a chunk.</param>
    /// <param name="maximumCount">Things that can be in use at once.</param>
    public ChunkTable(int chunkBits, int chunkLength, int maximumCount)
    {
        _chunkBits = chunkBits;
        _chunkLength = chunkLength;
        _maximumCount = maximumCount;
    }

    /// <summary>Things in the table.</summary>
    public int Count { get; private set; }

    /// <summary>Chunks that the table has room for.</summary>
    public readonly int Capacity => Chunks.Length;

    /// <summary>Adds one thing, whose contents are left to the caller.</summary>
    /// <param name="epoch">The present epoch.</param>
    /// <returns>Its index.</returns>
    public int Add(long epoch)
    {
        int index = Count;
        int chunk = index >> _chunkBits;
        Debug.Assert(index < _maximumCount, "more nodes or leaves than RAM has blocks");
        if (chunk == Chunks.Length)
        {
            // Double, up to the maximum.
            int most = (int)(((long)_maximumCount + (1 << _chunkBits) - 1) >> _chunkBits);
            int capacity = (int)Math.Min(most, Math.Max(chunk + 1, 2L * chunk));
            Array.Resize(ref Chunks, capacity);
            Array.Resize(ref Epochs, capacity);
            _isFrozen = false;
        }

        if (Chunks[chunk] is null)
        {
            Own();
            Chunks[chunk] = new T[_chunkLength];
            Epochs[chunk] = epoch;
        }

        Count++;
        return index;
    }

    /// <summary>Gives a chunk that a snapshot has too a copy of its own.</summary>
    /// <param name="chunk">Which.</param>
    /// <param name="epoch">The present epoch.</param>
    public void Unshare(int chunk, long epoch)
    {
        Own();
        T[] copy = GC.AllocateUninitializedArray<T>(_chunkLength);
        Chunks[chunk].CopyTo(copy, 0);
        Chunks[chunk] = copy;
        Epochs[chunk] = epoch;
    }

    /// <summary>Hands out the present chunks; they stay as they are for ever. The caller begins a new epoch.</summary>
    public T[][] Freeze()
    {
        _isFrozen = true;
        return Chunks;
    }

    private void Own()
    {
        if (_isFrozen)
        {
            Chunks = (T[][])Chunks.Clone();
            _isFrozen = false;
        }
    }
}
