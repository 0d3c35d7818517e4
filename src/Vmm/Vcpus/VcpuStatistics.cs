using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>What one vCPU has done; written by its thread, read by others at any time.</summary>
public sealed class VcpuStatistics
{
    private const int KnownReasons = 64;

    /// <summary>Index for all reasons that are newer than this table.</summary>
    private const int NewerIndex = KnownReasons - 1;

    private readonly long[] _exits = new long[KnownReasons];

    /// <summary>Bytes that the run loop has allocated on its thread between the first exit and the last; the promise is 0.</summary>
    public long AllocatedBytes { get; internal set; }

    /// <summary>Stopwatch time stamp of the first KVM_RUN, 0 before it.</summary>
    public long FirstRunTimestamp { get; internal set; }

    /// <summary>Exits of one kind.</summary>
    /// <param name="reason">The kind.</param>
    public long GetExits(VcpuExitReason reason) => Volatile.Read(ref _exits[IndexOf(reason)]);

    /// <summary>Counts one exit.</summary>
    internal void Count(VcpuExitReason reason)
    {
        // One writer, so a plain increment that readers see whole is enough.
        ref long count = ref _exits[IndexOf(reason)];
        Volatile.Write(ref count, count + 1);
    }

    private static int IndexOf(VcpuExitReason reason) => Math.Min((int)Math.Min((uint)reason, int.MaxValue), NewerIndex);
}
