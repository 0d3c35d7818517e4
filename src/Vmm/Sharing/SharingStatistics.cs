namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Counts of the guest's page-state hypercalls; written by vCPU threads, read at any time.</summary>
public sealed class SharingStatistics
{
    private readonly long[] _rejected = new long[Enum.GetValues<MapGpaRangeError>().Length];
    private long _accepted;

    /// <summary>Calls that were accepted and recorded.</summary>
    public long Accepted => Interlocked.Read(ref _accepted);

    /// <summary>Calls that were refused, whatever the cause.</summary>
    public long Rejected
    {
        get
        {
            long sum = 0;
            for (int i = 0; i < _rejected.Length; i++)
            {
                sum += Interlocked.Read(ref _rejected[i]);
            }

            return sum;
        }
    }

    /// <summary>Calls that were refused for one cause.</summary>
    /// <param name="cause">The cause.</param>
    public long GetRejected(MapGpaRangeError cause) => Interlocked.Read(ref _rejected[(int)cause]);

    /// <summary>The counts as a result has them.</summary>
    public HypercallCounts ToCounts()
    {
        var rejected = new Dictionary<string, ulong>();
        foreach (MapGpaRangeError cause in Enum.GetValues<MapGpaRangeError>())
        {
            long count = GetRejected(cause);
            if (count > 0)
            {
                rejected.Add(MapGpaRangeRequest.Describe(cause), (ulong)count);
            }
        }

        return new HypercallCounts { Accepted = (ulong)Accepted, RejectedByCause = rejected };
    }

    /// <summary>Counts one accepted call.</summary>
    internal void CountAccepted() => Interlocked.Increment(ref _accepted);

    /// <summary>Counts one refused call.</summary>
    internal void CountRejected(MapGpaRangeError cause) => Interlocked.Increment(ref _rejected[(int)cause]);
}
