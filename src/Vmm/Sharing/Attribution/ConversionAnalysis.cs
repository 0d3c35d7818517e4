using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>
/// Recognises, in the order of a guest's conversions, how a Linux kernel starts: all of RAM reported private, then
/// <c>.bss..decrypted</c> shared, single per-CPU pages, the bounce buffers, the atomic pools. Fed call by call; its memory is bounded.
/// </summary>
/// <remarks>Source: Linux arch/x86/kernel/kvm.c (kvm_init_platform, sev_map_percpu_data), mm/mem_encrypt_amd.c (sev_setup_arch),
/// kernel/dma/pool.c; checked against boots of Debian's 6.1.</remarks>
public sealed class ConversionAnalysis
{
    private const int MostIntervals = 8192;
    private const int MostSequences = 64;
    private const ulong SmallestSequencePages = 32;

    private readonly List<GpaRange> _burst = [];
    private readonly List<(GpaRange Range, int Calls)> _sequences = [];
    private readonly PageIntervals _later = new(MostIntervals);
    private readonly PageIntervals _small = new(1024);
    private GpaRange _current;
    private int _currentCalls;

    /// <summary>The pages that the kernel's first calls, one for each range of its RAM, said to be private.</summary>
    public IReadOnlyList<GpaRange> StartBurst => _burst;

    /// <summary>The first shared range behind the burst; empty before.</summary>
    public GpaRange FirstShared { get; private set; }

    /// <summary>Frames that were converted after the burst.</summary>
    internal PageIntervals Later => _later;

    /// <summary>Frames that were shared one or two at a time, before anything large was.</summary>
    internal PageIntervals SmallShared => _small;

    /// <summary>Shared ranges that came in one piece, call after call, each where the last one ended.</summary>
    internal IEnumerable<(GpaRange Range, int Calls)> SharedSequences =>
        _current.PageCount >= SmallestSequencePages ? _sequences.Append((_current, _currentCalls)) : _sequences;

    /// <summary>
    /// Takes calls out of a journal that may have lost its oldest ones: then nothing is recognised, rather than something else.
    /// </summary>
    /// <param name="tracker">Whose journal.</param>
    /// <returns>The analysis; null when calls are lost.</returns>
    public static ConversionAnalysis? OfJournal(SharedRegionTracker tracker) =>
        new ConversionWatch(tracker).Use(static analysis => analysis);

    /// <summary>Takes the next accepted call.</summary>
    /// <param name="range">Its pages.</param>
    /// <param name="state">The state that they are in since then.</param>
    public void Observe(GpaRange range, PageState state)
    {
        if (state != PageState.Shared)
        {
            ObservePrivate(range);
            return;
        }

        ulong frame = range.Start.Value >> GuestPage.Shift;
        _later.Add(frame, frame + range.PageCount);
        if (FirstShared.IsEmpty)
        {
            FirstShared = range;
            return;
        }

        if (_currentCalls > 0 && range.Start == _current.End)
        {
            _current = new GpaRange(_current.Start, _current.Length + range.Length);
            _currentCalls++;
        }
        else
        {
            CloseSequence();
            _current = range;
            _currentCalls = 1;
        }

        if (_sequences.Count == 0 && _current.PageCount <= 2)
        {
            _small.Add(frame, frame + range.PageCount);
        }
    }

    private void ObservePrivate(GpaRange range)
    {
        if (FirstShared.IsEmpty)
        {
            _burst.Add(range);
            if (_burst.Count > MapWords.MaximumRamRanges)
            {
                // No kernel's e820 map is so long: this is not what it looks for.
                Restart();
            }

            return;
        }

        if (_burst.Count > 0 && range == _burst[0] && range.PageCount >= SmallestSequencePages)
        {
            // A kernel starts again (kexec): it reports its RAM from the first range on.
            Restart();
            _burst.Add(range);
            return;
        }

        CloseSequence();
        ulong frame = range.Start.Value >> GuestPage.Shift;
        _later.Add(frame, frame + range.PageCount);
    }

    private void CloseSequence()
    {
        if (_current.PageCount >= SmallestSequencePages && _sequences.Count < MostSequences)
        {
            _sequences.Add((_current, _currentCalls));
        }

        _current = default;
        _currentCalls = 0;
    }

    private void Restart()
    {
        _burst.Clear();
        _sequences.Clear();
        _later.Clear();
        _small.Clear();
        FirstShared = default;
        _current = default;
        _currentCalls = 0;
    }
}
