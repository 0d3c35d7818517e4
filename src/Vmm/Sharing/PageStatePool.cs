namespace KvmSevVmm.Vmm.Sharing;

/// <summary>The memory of a <see cref="PageStateTree"/>: inner nodes and leaves by index, in chunks that snapshots can share.</summary>
/// <remarks>
/// <para>A node is 512 entries. A negative entry says that everything below is in one state, whose complement it is; another entry is the
/// index of a node or, in a node of the lowest level, of a leaf. A leaf is two bit planes of 512 bits: private, then shared.</para>
/// <para>A snapshot takes the tables of chunks as they are. From then on the first write to a chunk copies it (32 or 64 KiB), so that
/// taking a snapshot costs the same whatever the guest did.</para>
/// <para>A discarded subtree is not walked: its root waits in a list and gives its children back when a node or a leaf is next needed.
/// The pool grows only when nothing waits, so it never holds more nodes than were in use at once.</para>
/// </remarks>
internal sealed class PageStatePool
{
    /// <summary>log2 of the entries in a node and of the frames in a leaf.</summary>
    public const int FanoutBits = 9;

    /// <summary>Entries in a node, and frames in a leaf.</summary>
    public const int Fanout = 1 << FanoutBits;

    /// <summary>64-bit words in one bit plane of a leaf.</summary>
    public const int PlaneWords = Fanout / 64;

    /// <summary>64-bit words in a leaf: the private plane, then the shared plane.</summary>
    public const int LeafWords = 2 * PlaneWords;

    /// <summary>log2 of the leaves in a chunk.</summary>
    public const int LeafChunkBits = 9;

    /// <summary>log2 of the nodes in a chunk.</summary>
    public const int NodeChunkBits = 4;

    private const int LeafChunkWords = LeafWords << LeafChunkBits;
    private const int NodeChunkEntries = Fanout << NodeChunkBits;
    private const int None = -1;

    private ChunkTable<ulong> _leaves;
    private ChunkTable<int> _nodes;
    private long _epoch;

    // A leaf in use: its private pages, and its shared pages shifted by 16. A free leaf: the next free leaf.
    private int[] _leafInfo = [];
    private NodeInfo[] _nodeInfo = [];

    private int _freeLeaf = None;
    private int _freeNode = None;
    private int _discardedNode = None;

    /// <summary>Makes an empty pool.</summary>
    /// <param name="maxLeaves">Leaves that can be in use at once.</param>
    /// <param name="maxNodes">Nodes that can be in use at once.</param>
    public PageStatePool(int maxLeaves, int maxNodes)
    {
        _leaves = new ChunkTable<ulong>(LeafChunkBits, LeafChunkWords, maxLeaves);
        _nodes = new ChunkTable<int>(NodeChunkBits, NodeChunkEntries, maxNodes);
        MaximumBytes = BytesFor(maxLeaves, maxNodes);
    }

    /// <summary>Bytes of the arrays in use, without headers of objects and without what only snapshots hold.</summary>
    public long AllocatedBytes =>
        ((long)ChunksFor(_leaves.Count, LeafChunkBits) * LeafChunkWords * sizeof(ulong))
        + ((long)ChunksFor(_nodes.Count, NodeChunkBits) * NodeChunkEntries * sizeof(int))
        + ((long)(_leaves.Capacity + _nodes.Capacity) * 2 * sizeof(long))
        + ((long)_leafInfo.Length * sizeof(int))
        + ((long)_nodeInfo.Length * NodeInfo.Bytes);

    /// <summary>What <see cref="AllocatedBytes"/> never exceeds.</summary>
    public long MaximumBytes { get; }

    /// <summary>The entries of a node, to read.</summary>
    public ReadOnlySpan<int> Node(int node) =>
        _nodes.Chunks[node >> NodeChunkBits].AsSpan((node & ((1 << NodeChunkBits) - 1)) << FanoutBits, Fanout);

    /// <summary>One entry of a node.</summary>
    public int Entry(int node, int index) =>
        _nodes.Chunks[node >> NodeChunkBits][((node & ((1 << NodeChunkBits) - 1)) << FanoutBits) + index];

    /// <summary>The entries of a node, to write. Valid until the next call that allocates a node or freezes.</summary>
    public Span<int> NodeForWrite(int node)
    {
        int chunk = node >> NodeChunkBits;
        if (_nodes.Epochs[chunk] != _epoch)
        {
            _nodes.Unshare(chunk, _epoch);
        }

        return _nodes.Chunks[chunk].AsSpan((node & ((1 << NodeChunkBits) - 1)) << FanoutBits, Fanout);
    }

    /// <summary>The two planes of a leaf, to read.</summary>
    public ReadOnlySpan<ulong> Leaf(int leaf) =>
        _leaves.Chunks[leaf >> LeafChunkBits].AsSpan((leaf & ((1 << LeafChunkBits) - 1)) * LeafWords, LeafWords);

    /// <summary>The two planes of a leaf, to write. Valid until the next call that allocates a leaf or freezes.</summary>
    public Span<ulong> LeafForWrite(int leaf)
    {
        int chunk = leaf >> LeafChunkBits;
        if (_leaves.Epochs[chunk] != _epoch)
        {
            _leaves.Unshare(chunk, _epoch);
        }

        return _leaves.Chunks[chunk].AsSpan((leaf & ((1 << LeafChunkBits) - 1)) * LeafWords, LeafWords);
    }

    /// <summary>Pages in each state below a node.</summary>
    public PageCountChange NodePages(int node) => _nodeInfo[node].Pages;

    /// <summary>Pages in each state in a leaf.</summary>
    public PageCountChange LeafPages(int leaf) => new(_leafInfo[leaf] & 0xffff, _leafInfo[leaf] >> 16);

    /// <summary>Corrects the count of a node.</summary>
    public void AddNodePages(int node, PageCountChange change) => _nodeInfo[node].Pages += change;

    /// <summary>Corrects the count of a leaf.</summary>
    public void AddLeafPages(int leaf, PageCountChange change) => _leafInfo[leaf] += (int)change.Private + ((int)change.Shared << 16);

    /// <summary>Takes a node whose entries all say <paramref name="state"/>.</summary>
    /// <param name="state">State of all its pages.</param>
    /// <param name="childShift">log2 of the frames under one entry.</param>
    public int AllocateNode(PageState state, int childShift)
    {
        if (_freeNode == None && _discardedNode != None)
        {
            Reclaim();
        }

        int node = _freeNode;
        if (node != None)
        {
            _freeNode = _nodeInfo[node].Next;
        }
        else
        {
            node = AddNode();
        }

        NodeForWrite(node).Fill(~(int)state);
        _nodeInfo[node] = new NodeInfo(PageCountChange.Of(state, 1L << (childShift + FanoutBits)), childShift);
        return node;
    }

    /// <summary>Takes a leaf whose pages are all in <paramref name="state"/>.</summary>
    public int AllocateLeaf(PageState state)
    {
        while (_freeLeaf == None && _discardedNode != None)
        {
            Reclaim();
        }

        int leaf = _freeLeaf;
        if (leaf != None)
        {
            _freeLeaf = _leafInfo[leaf];
        }
        else
        {
            leaf = AddLeaf();
        }

        Span<ulong> planes = LeafForWrite(leaf);
        planes[..PlaneWords].Fill(state == PageState.Private ? ulong.MaxValue : 0);
        planes[PlaneWords..].Fill(state == PageState.Shared ? ulong.MaxValue : 0);
        _leafInfo[leaf] = 0;
        AddLeafPages(leaf, PageCountChange.Of(state, Fanout));
        return leaf;
    }

    /// <summary>Gives a leaf back.</summary>
    public void FreeLeaf(int leaf)
    {
        _leafInfo[leaf] = _freeLeaf;
        _freeLeaf = leaf;
    }

    /// <summary>Gives back a node without children.</summary>
    public void FreeNode(int node)
    {
        _nodeInfo[node].Next = _freeNode;
        _freeNode = node;
    }

    /// <summary>Gives back a node and all that is below it, in constant time.</summary>
    public void DiscardSubtree(int node)
    {
        _nodeInfo[node].Next = _discardedNode;
        _discardedNode = node;
    }

    /// <summary>Hands out the present tables; they stay as they are for ever. Constant time.</summary>
    /// <param name="nodeChunks">Chunks of nodes.</param>
    /// <param name="leafChunks">Chunks of leaves.</param>
    public void Freeze(out int[][] nodeChunks, out ulong[][] leafChunks)
    {
        nodeChunks = _nodes.Freeze();
        leafChunks = _leaves.Freeze();
        _epoch++;
    }

    private static int ChunksFor(int count, int chunkBits) => (int)(((long)count + (1 << chunkBits) - 1) >> chunkBits);

    private static long BytesFor(int leaves, int nodes)
    {
        long leafChunks = ChunksFor(leaves, LeafChunkBits);
        long nodeChunks = ChunksFor(nodes, NodeChunkBits);
        return (leafChunks * ((LeafChunkWords * sizeof(ulong)) + (2 * sizeof(long)) + (sizeof(int) << LeafChunkBits)))
            + (nodeChunks * ((NodeChunkEntries * sizeof(int)) + (2 * sizeof(long)) + (NodeInfo.Bytes << NodeChunkBits)));
    }

    /// <summary>Turns the root of one discarded subtree into a free node; its children become free leaves or discarded nodes.</summary>
    private void Reclaim()
    {
        int node = _discardedNode;
        _discardedNode = _nodeInfo[node].Next;
        bool hasLeaves = _nodeInfo[node].ChildShift == FanoutBits;
        ReadOnlySpan<int> entries = Node(node);
        for (int at = entries.IndexOfAnyInRange(0, int.MaxValue); at >= 0; at = entries.IndexOfAnyInRange(0, int.MaxValue))
        {
            if (hasLeaves)
            {
                FreeLeaf(entries[at]);
            }
            else
            {
                DiscardSubtree(entries[at]);
            }

            entries = entries[(at + 1)..];
        }

        FreeNode(node);
    }

    private int AddNode()
    {
        int node = _nodes.Add(_epoch);
        if (node == _nodeInfo.Length)
        {
            Array.Resize(ref _nodeInfo, _nodes.Capacity << NodeChunkBits);
        }

        return node;
    }

    private int AddLeaf()
    {
        int leaf = _leaves.Add(_epoch);
        if (leaf == _leafInfo.Length)
        {
            Array.Resize(ref _leafInfo, _leaves.Capacity << LeafChunkBits);
        }

        return leaf;
    }

    /// <summary>What the pool knows of a node beside its entries.</summary>
    private struct NodeInfo(PageCountChange pages, int childShift)
    {
        public const int Bytes = 24;

        public PageCountChange Pages = pages;
        public int ChildShift = childShift;
        public int Next = None;
    }
}
