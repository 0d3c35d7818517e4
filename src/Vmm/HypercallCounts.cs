namespace KvmSevVmm.Vmm;

/// <summary>Hypercalls that reached the monitor, by what became of them.</summary>
public sealed record HypercallCounts
{
    /// <summary>Calls that changed or confirmed the state of pages and got 0.</summary>
    public ulong Accepted { get; init; }

    /// <summary>Calls that got an error, by cause in the words of the event log; causes that never occurred are absent.</summary>
    public IReadOnlyDictionary<string, ulong> RejectedByCause { get; init; } = new Dictionary<string, ulong>();

    /// <summary>All calls that got an error.</summary>
    public ulong Rejected => RejectedByCause.Values.Aggregate(0UL, (sum, count) => sum + count);
}
