using System.Numerics;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A <see cref="PageStateTree"/> as it was at one moment.</summary>
internal sealed class FrozenPageStates : PageStates
{
    private readonly int[][] _nodeChunks;
    private readonly ulong[][] _leafChunks;

    /// <summary>Makes the view.</summary>
    /// <param name="nodeChunks">Chunks of nodes; nobody writes to them any more.</param>
    /// <param name="leafChunks">Chunks of leaves; nobody writes to them any more.</param>
    public FrozenPageStates(int[][] nodeChunks, ulong[][] leafChunks)
    {
        _nodeChunks = nodeChunks;
        _leafChunks = leafChunks;
    }

    /// <summary>The state of one frame of a leaf.</summary>
    /// <param name="planes">The leaf's words.</param>
    /// <param name="frame">Index of the frame in the leaf.</param>
    public static PageState StateInLeaf(ReadOnlySpan<ulong> planes, int frame)
    {
        int isPrivate = (int)(planes[frame >> 6] >> (frame & 63)) & 1;
        int isShared = (int)(planes[PageStatePool.PlaneWords + (frame >> 6)] >> (frame & 63)) & 1;
        return (PageState)(isPrivate + (2 * isShared));
    }

    /// <inheritdoc/>
    public override PageState Get(ulong frame)
    {
        int entry = Find(frame, out int shift);
        return shift == 0 ? StateInLeaf(Leaf(entry), (int)frame & (PageStatePool.Fanout - 1)) : (PageState)~entry;
    }

    /// <inheritdoc/>
    public override PageRunCursor OpenCursor() => new Cursor(this);

    /// <summary>Finds what decides on a frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="shift">0: the result is a leaf. Otherwise log2 of the frames that the result, a negative entry, speaks for.</param>
    private int Find(ulong frame, out int shift)
    {
        int entry = PageStateTree.Root;
        for (shift = PageStateTree.RootShift; shift > 0; shift -= PageStatePool.FanoutBits)
        {
            int chunk = entry >> PageStatePool.NodeChunkBits;
            int node = entry & ((1 << PageStatePool.NodeChunkBits) - 1);
            int index = (int)(frame >> shift) & (PageStatePool.Fanout - 1);
            entry = _nodeChunks[chunk][(node << PageStatePool.FanoutBits) + index];
            if (entry < 0)
            {
                break;
            }
        }

        return entry;
    }

    private ReadOnlySpan<ulong> Leaf(int leaf) => _leafChunks[leaf >> PageStatePool.LeafChunkBits]
        .AsSpan((leaf & ((1 << PageStatePool.LeafChunkBits) - 1)) * PageStatePool.LeafWords, PageStatePool.LeafWords);

    private sealed class Cursor(FrozenPageStates states) : PageRunCursor
    {
        // The block that the last frame was found in: a leaf, or what one negative entry speaks for.
        private ulong _blockStart;
        private ulong _blockEnd;
        private int _entry;
        private bool _isLeaf;

        public override ulong FindRunEnd(ulong frame, ulong limit, out PageState state)
        {
            state = Locate(frame);
            ulong end = EndInBlock(frame, state);
            while (end == _blockEnd && end < limit && Locate(end) == state)
            {
                end = EndInBlock(end, state);
            }

            return Math.Min(end, limit);
        }

        private PageState Locate(ulong frame)
        {
            if (frame < _blockStart || frame >= _blockEnd)
            {
                _entry = states.Find(frame, out int shift);
                _isLeaf = shift == 0;
                shift = _isLeaf ? PageStatePool.FanoutBits : shift;
                _blockStart = frame >> shift << shift;
                _blockEnd = _blockStart + (1UL << shift);
            }

            return _isLeaf ? StateInLeaf(states.Leaf(_entry), (int)(frame - _blockStart)) : (PageState)~_entry;
        }

        private ulong EndInBlock(ulong frame, PageState state)
        {
            if (!_isLeaf)
            {
                return _blockEnd;
            }

            ReadOnlySpan<ulong> planes = states.Leaf(_entry);
            int offset = (int)(frame - _blockStart);
            ulong mask = ulong.MaxValue << (offset & 63);
            for (int word = offset >> 6; word < PageStatePool.PlaneWords; word++)
            {
                ulong others = state switch
                {
                    PageState.Private => ~planes[word],
                    PageState.Shared => ~planes[PageStatePool.PlaneWords + word],
                    _ => planes[word] | planes[PageStatePool.PlaneWords + word],
                };
                others &= mask;
                if (others != 0)
                {
                    return _blockStart + (ulong)((word << 6) + BitOperations.TrailingZeroCount(others));
                }

                mask = ulong.MaxValue;
            }

            return _blockEnd;
        }
    }
}
