namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Counts accesses to MSRs that nobody knows, by index; bounded, whatever the guest tries.</summary>
internal sealed class UnknownMsrTable
{
    /// <summary>Indexes that are told apart; accesses to further ones are only counted together.</summary>
    public const int Capacity = 256;

    private readonly Lock _lock = new();
    private readonly UnknownMsrCount[] _counts = new UnknownMsrCount[Capacity];
    private int _used;
    private ulong _total;

    /// <summary>All accesses.</summary>
    public ulong Total
    {
        get
        {
            lock (_lock)
            {
                return _total;
            }
        }
    }

    /// <summary>Counts one access. Allocates nothing.</summary>
    /// <param name="index">The MSR.</param>
    /// <param name="isWrite">Whether it was written.</param>
    public void Count(uint index, bool isWrite)
    {
        lock (_lock)
        {
            _total++;
            int slot = 0;
            while (slot < _used && _counts[slot].Index != index)
            {
                slot++;
            }

            if (slot == Capacity)
            {
                return;
            }

            _used = Math.Max(_used, slot + 1);
            UnknownMsrCount old = _counts[slot];
            _counts[slot] = new UnknownMsrCount(index, old.Reads + (isWrite ? 0u : 1u), old.Writes + (isWrite ? 1u : 0u));
        }
    }

    /// <summary>The counts, by index.</summary>
    public UnknownMsrCount[] ToArray()
    {
        lock (_lock)
        {
            UnknownMsrCount[] counts = _counts[.._used];
            Array.Sort(counts, static (left, right) => left.Index.CompareTo(right.Index));
            return counts;
        }
    }
}
