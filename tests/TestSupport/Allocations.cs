namespace KvmSevVmm.TestSupport;

/// <summary>What code allocates when it is warm.</summary>
public static class Allocations
{
    private const int Rounds = 4;

    /// <summary>
    /// The bytes that the calling thread allocates in the best of some equal rounds. What the code allocates for its own work shows in
    /// each round; what the runtime allocates once on whatever thread is at hand (a lock's first wait, a method's better code) does not.
    /// </summary>
    /// <param name="round">A round; the first call is not counted.</param>
    public static long InBestRound(Action round)
    {
        round();
        long least = long.MaxValue;
        for (int i = 0; i < Rounds && least > 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
