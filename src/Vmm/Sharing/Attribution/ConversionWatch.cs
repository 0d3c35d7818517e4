namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>
/// Follows a tracker's journal. Each look takes only the calls since the last one, and who looks often enough loses none of them.
/// </summary>
/// <param name="tracker">Whose journal.</param>
internal sealed class ConversionWatch(SharedRegionTracker tracker)
{
    private readonly Lock _lock = new();
    private readonly ConversionRecord[] _records = new ConversionRecord[SharedRegionTracker.JournalBatchLimit];
    private ConversionAnalysis? _analysis = new();
    private ulong _generation;

    /// <summary>Takes what is new, and lets somebody use the analysis.</summary>
    /// <typeparam name="T">What comes of it.</typeparam>
    /// <param name="use">Given the analysis, which is valid during the call only; null once calls were lost.</param>
    public T Use<T>(Func<ConversionAnalysis?, T> use)
    {
        lock (_lock)
        {
            CatchUp();
            return use(_analysis);
        }
    }

    private void CatchUp()
    {
        while (_analysis is not null)
        {
            JournalBatch batch = tracker.ReadJournal(_generation, _records);
            if (batch.Lost > 0)
            {
                _analysis = null;
            }

            if (batch.Count == 0)
            {
                return;
            }

            for (int i = 0; i < batch.Count; i++)
            {
                _analysis?.Observe(_records[i].Range, _records[i].State);
            }

            _generation = _records[batch.Count - 1].Generation;
        }
    }
}
