using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// Converts pages of a SEV-SNP guest: the kernel is told first, then the half that nobody sees any more is given back, so that a guest
/// never takes up twice its RAM. Other modes convert nothing.
/// </summary>
/// <remarks>
/// The caller serialises conversions and records them; a range is RAM before it comes here, so what a guest can ask is bounded.
/// </remarks>
internal sealed class MemoryConverter
{
    private readonly IPageConversion _kernel;
    private readonly BoundedLog _log;
    private long _undiscarded;

    /// <summary>Makes the converter of one machine.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="log">For what the kernel refuses.</param>
    internal MemoryConverter(IPageConversion kernel, BoundedLog log)
    {
        _kernel = kernel;
        _log = log;
    }

    /// <summary>Conversions whose stale half the kernel did not take back; it costs memory and nothing else.</summary>
    internal long UndiscardedCount => Interlocked.Read(ref _undiscarded);

    /// <summary>Whether the range has no byte of RAM.</summary>
    /// <param name="range">Guest addresses.</param>
    internal bool IsOutsideRam(GpaRange range)
    {
        for (int index = 0; index < _kernel.Ranges.Count; index++)
        {
            if (_kernel.Ranges[index].Overlaps(range))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Converts pages.</summary>
    /// <param name="range">Whole pages of RAM; may span ranges that touch.</param>
    /// <param name="state">Private or shared.</param>
    /// <returns>False when the kernel refused; then nothing has changed.</returns>
    internal bool TryConvert(GpaRange range, PageState state)
    {
        bool isPrivate = state == PageState.Private;
        try
        {
            _kernel.SetPrivate(range, isPrivate);
        }
        catch (KvmException refused)
        {
            Warn(range, refused);
            return false;
        }

        for (int index = 0; index < _kernel.Ranges.Count; index++)
        {
            GpaRange part = _kernel.Ranges[index].Intersect(range);
            if (!part.IsEmpty)
            {
                Discard(index, part, isPrivate);
            }
        }

        return true;
    }

    private void Discard(int rangeIndex, GpaRange part, bool isPrivate)
    {
        try
        {
            if (isPrivate)
            {
                _kernel.DiscardShared(part);
            }
            else
            {
                _kernel.DiscardPrivate(rangeIndex, part);
            }
        }
        catch (KvmException refused)
        {
            // The guest sees the right half; the other one only stays where it is.
            Interlocked.Increment(ref _undiscarded);
            Warn(part, refused);
        }
    }

    private void Warn(GpaRange range, KvmException refused)
    {
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning("Converting {Range}: {Problem}", range, refused.Message);
        }
    }
}
