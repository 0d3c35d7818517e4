using System.Numerics;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// The state of every 4 KiB frame below 2^40, as a radix tree shaped like a page table in which a uniform subtree is one number.
/// </summary>
/// <remarks>
/// A change walks the two edges of its range and replaces the entries between them: at most 512 entries on each of four levels, whatever
/// the length of the range and whatever the guest did before. Not safe for threads; <see cref="SharedRegionTracker"/> has the lock.
/// </remarks>
internal sealed class PageStateTree
{
    /// <summary>log2 of the frames under one entry of the root.</summary>
    public const int RootShift = 36;

    /// <summary>The root's index; the pool hands out index 0 first and never gets it back.</summary>
    public const int Root = 0;

    private const int LeafShift = PageStatePool.FanoutBits;

    private readonly PageStatePool _pool;

    /// <summary>Makes a tree in which every frame is unreported.</summary>
    /// <param name="ram">The ranges that will be set; they bound the tree's memory.</param>
    /// <exception cref="ArgumentException">RAM is scattered over more than 2^30 blocks of 2 MiB (2 PiB).</exception>
    public PageStateTree(RamRanges ram)
    {
        ulong leaves = ram.CountBlocks(LeafShift);
        if (leaves > 1UL << 30)
        {
            throw new ArgumentException("more RAM than the tracker can index", nameof(ram));
        }

        ulong nodes = 1;
        for (int shift = LeafShift + PageStatePool.FanoutBits; shift <= RootShift; shift += PageStatePool.FanoutBits)
        {
            nodes += ram.CountBlocks(shift);
        }

        _pool = new PageStatePool((int)leaves, (int)nodes);
        _ = _pool.AllocateNode(PageState.Unreported, RootShift);
    }

    /// <summary>Bytes that the tree holds now.</summary>
    public long AllocatedBytes => _pool.AllocatedBytes;

    /// <summary>Bytes that the tree can ever hold.</summary>
    public long MaximumBytes => _pool.MaximumBytes;

    /// <summary>Private and shared pages in the whole tree.</summary>
    public PageCountChange Pages => _pool.NodePages(Root);

    /// <summary>Puts frames into a state.</summary>
    /// <param name="first">First frame.</param>
    /// <param name="last">Last frame, inclusive; not below <paramref name="first"/>, below 2^40.</param>
    /// <param name="state">The state.</param>
    public void Set(ulong first, ulong last, PageState state)
    {
        if (first >> LeafShift != last >> LeafShift || !TrySetInLeaf(first, last, state))
        {
            _ = SetInNode(Root, RootShift, first, last, state);
        }
    }

    /// <summary>The state of one frame.</summary>
    public PageState Get(ulong frame)
    {
        int entry = Root;
        for (int shift = RootShift; shift >= LeafShift; shift -= PageStatePool.FanoutBits)
        {
            entry = _pool.Entry(entry, Index(frame, shift));
            if (entry < 0)
            {
                return (PageState)~entry;
            }
        }

        return FrozenPageStates.StateInLeaf(_pool.Leaf(entry), Index(frame, 0));
    }

    /// <summary>Finds the first frame of a range that is not in a state.</summary>
    /// <param name="first">First frame.</param>
    /// <param name="last">Last frame, inclusive, below 2^40.</param>
    /// <param name="state">The state.</param>
    /// <returns>The frame; <paramref name="last"/> + 1 when all are in the state.</returns>
    public ulong FindOther(ulong first, ulong last, PageState state)
    {
        ulong frame = first;
        while (frame <= last)
        {
            int shift = RootShift;
            int entry = _pool.Entry(Root, Index(frame, shift));
            while (entry >= 0 && shift > LeafShift)
            {
                shift -= PageStatePool.FanoutBits;
                entry = _pool.Entry(entry, Index(frame, shift));
            }

            if (entry < 0)
            {
                if ((PageState)~entry != state)
                {
                    return frame;
                }

                frame = ((frame >> shift) + 1) << shift;
                continue;
            }

            // A leaf is never uniform, so at most the two at the edges are looked at in full: all others end the search.
            ReadOnlySpan<ulong> leaf = _pool.Leaf(entry);
            for (ulong end = Math.Min(last, frame | (PageStatePool.Fanout - 1)); frame <= end; frame++)
            {
                if (FrozenPageStates.StateInLeaf(leaf, Index(frame, 0)) != state)
                {
                    return frame;
                }
            }
        }

        return last + 1;
    }

    /// <summary>The states as they are now, for ever. Constant time.</summary>
    public FrozenPageStates Freeze()
    {
        _pool.Freeze(out int[][] nodeChunks, out ulong[][] leafChunks);
        return new FrozenPageStates(nodeChunks, leafChunks);
    }

    /// <summary>Does at half the price what most calls ask for: a change in one leaf that is already there.</summary>
    /// <returns>False, with nothing changed, when it is not.</returns>
    private bool TrySetInLeaf(ulong first, ulong last, PageState state)
    {
        int uniform = ~(int)state;
        int upper = _pool.Entry(Root, (int)(first >> RootShift));
        int middle = upper < 0 ? upper : _pool.Entry(upper, Index(first, RootShift - PageStatePool.FanoutBits));
        int lower = middle < 0 ? middle : _pool.Entry(middle, Index(first, LeafShift + PageStatePool.FanoutBits));
        int leaf = lower < 0 ? lower : _pool.Entry(lower, Index(first, LeafShift));
        if (leaf < 0)
        {
            return leaf == uniform;
        }

        PageCountChange change = SetInLeaf(leaf, Index(first, 0), Index(last, 0), state);
        if (change == default)
        {
            return true;
        }

        _pool.AddNodePages(Root, change);
        _pool.AddNodePages(upper, change);
        _pool.AddNodePages(middle, change);
        _pool.AddNodePages(lower, change);
        if (IsUniform(_pool.LeafPages(leaf), state, PageStatePool.Fanout))
        {
            _pool.FreeLeaf(leaf);
            _pool.NodeForWrite(lower)[Index(first, LeafShift)] = uniform;
            Collapse([upper, middle, lower], first, state);
        }

        return true;
    }

    /// <summary>Makes one entry of each node that became uniform, from the bottom up.</summary>
    /// <param name="path">The nodes that a frame is below, without the root, from the top down.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="state">The state that they can have become.</param>
    private void Collapse(ReadOnlySpan<int> path, ulong frame, PageState state)
    {
        int shift = LeafShift + PageStatePool.FanoutBits;
        for (int i = path.Length - 1; i >= 0 && IsUniform(_pool.NodePages(path[i]), state, 1L << shift); i--)
        {
            _pool.FreeNode(path[i]);
            _pool.NodeForWrite(i == 0 ? Root : path[i - 1])[Index(frame, shift)] = ~(int)state;
            shift += PageStatePool.FanoutBits;
        }
    }

    private static int Index(ulong frame, int shift) => (int)(frame >> shift) & (PageStatePool.Fanout - 1);

    /// <summary>Puts frames below one node into a state.</summary>
    /// <param name="node">The node.</param>
    /// <param name="shift">log2 of the frames under one of its entries.</param>
    /// <param name="first">First frame, counted from the node's first.</param>
    /// <param name="last">Last frame, inclusive, counted from the node's first.</param>
    /// <param name="state">The state.</param>
    private PageCountChange SetInNode(int node, int shift, ulong first, ulong last, PageState state)
    {
        int firstIndex = (int)(first >> shift);
        int lastIndex = (int)(last >> shift);
        ulong mask = (1UL << shift) - 1;
        PageCountChange change = default;

        // An edge that does not cover its entry goes one level down.
        if ((first & mask) != 0 || (firstIndex == lastIndex && (last & mask) != mask))
        {
            change = SetInChild(node, firstIndex, shift, first & mask, firstIndex == lastIndex ? last & mask : mask, state);
            firstIndex++;
        }

        if (firstIndex <= lastIndex && (last & mask) != mask)
        {
            change += SetInChild(node, lastIndex, shift, 0, last & mask, state);
            lastIndex--;
        }

        if (firstIndex <= lastIndex)
        {
            change += SetEntries(node, firstIndex, lastIndex, shift, state);
        }

        _pool.AddNodePages(node, change);
        return change;
    }

    private PageCountChange SetInChild(int node, int index, int shift, ulong first, ulong last, PageState state)
    {
        int uniform = ~(int)state;
        int child = _pool.Entry(node, index);
        if (child == uniform)
        {
            return default;
        }

        PageCountChange change;
        PageCountChange pages;
        bool isNew = child < 0;
        if (shift == LeafShift)
        {
            child = isNew ? _pool.AllocateLeaf((PageState)~child) : child;
            change = SetInLeaf(child, (int)first, (int)last, state);
            pages = _pool.LeafPages(child);
        }
        else
        {
            child = isNew ? _pool.AllocateNode((PageState)~child, shift - PageStatePool.FanoutBits) : child;
            change = SetInNode(child, shift - PageStatePool.FanoutBits, first, last, state);
            pages = _pool.NodePages(child);
        }

        if (!IsUniform(pages, state, 1L << shift))
        {
            if (isNew)
            {
                _pool.NodeForWrite(node)[index] = child;
            }

            return change;
        }

        // Only the state that was just set can be the one state of all. A uniform node has uniform children, so it has no child to free.
        _pool.NodeForWrite(node)[index] = uniform;
        if (shift == LeafShift)
        {
            _pool.FreeLeaf(child);
        }
        else
        {
            _pool.FreeNode(child);
        }

        return change;
    }

    private PageCountChange SetEntries(int node, int firstIndex, int lastIndex, int shift, PageState state)
    {
        int uniform = ~(int)state;
        int count = lastIndex - firstIndex + 1;
        if (_pool.Node(node).Slice(firstIndex, count).IndexOfAnyExcept(uniform) < 0)
        {
            return default;
        }

        long size = 1L << shift;
        Span<int> entries = _pool.NodeForWrite(node).Slice(firstIndex, count);
        PageCountChange before = default;
        foreach (int entry in entries)
        {
            if (entry < 0)
            {
                before += PageCountChange.Of((PageState)~entry, size);
            }
            else if (shift == LeafShift)
            {
                before += _pool.LeafPages(entry);
                _pool.FreeLeaf(entry);
            }
            else
            {
                before += _pool.NodePages(entry);
                _pool.DiscardSubtree(entry);
            }
        }

        entries.Fill(uniform);
        PageCountChange after = PageCountChange.Of(state, count * size);
        return new PageCountChange(after.Private - before.Private, after.Shared - before.Shared);
    }

    private PageCountChange SetInLeaf(int leaf, int first, int last, PageState state)
    {
        Span<ulong> planes = _pool.LeafForWrite(leaf);
        int privateChange = 0;
        int sharedChange = 0;
        for (int word = first >> 6; word <= last >> 6; word++)
        {
            ulong mask = ulong.MaxValue;
            mask &= word == first >> 6 ? ulong.MaxValue << (first & 63) : mask;
            mask &= word == last >> 6 ? ulong.MaxValue >> (63 - (last & 63)) : mask;
            ulong oldPrivate = planes[word];
            ulong oldShared = planes[PageStatePool.PlaneWords + word];
            ulong newPrivate = state == PageState.Private ? oldPrivate | mask : oldPrivate & ~mask;
            ulong newShared = state == PageState.Shared ? oldShared | mask : oldShared & ~mask;
            planes[word] = newPrivate;
            planes[PageStatePool.PlaneWords + word] = newShared;
            privateChange += BitOperations.PopCount(newPrivate) - BitOperations.PopCount(oldPrivate);
            sharedChange += BitOperations.PopCount(newShared) - BitOperations.PopCount(oldShared);
        }

        PageCountChange change = new(privateChange, sharedChange);
        _pool.AddLeafPages(leaf, change);
        return change;
    }

    private static bool IsUniform(PageCountChange pages, PageState state, long size) => state switch
    {
        PageState.Private => pages.Private == size,
        PageState.Shared => pages.Shared == size,
        _ => pages.Private + pages.Shared == 0,
    };
}
