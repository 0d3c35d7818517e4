namespace KvmSevVmm.TestSupport;

/// <summary>What code allocates when it is warm.</summary>
public static class Allocations
{
    /// <summary>How many rounds there are at most.</summary>
    public const int Rounds = 5;

    /// <summary>
    /// The bytes that the calling thread allocates in the best of some equal rounds. What the code allocates for its own work shows in
    /// each round. Now and then a round shows more: the runtime counts the unused rest of the thread's allocation context, up to 8 KiB,
    /// when a collection that another thread began takes the context away (.NET 10: a thread that allocates nothing saw about 8,000 bytes
    /// in one of six looks beside two threads that allocate much).
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
