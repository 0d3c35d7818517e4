namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// States as a sorted list of the frames at which something begins: 8 bytes a run, far less than the text it was read from.
/// </summary>
internal sealed class PageStateList : PageStates
{
    /// <summary>The value that stands for a hole between two ranges of RAM.</summary>
    public const int Hole = 0xff;

    private readonly List<ulong> _boundaries;

    /// <summary>Makes the states.</summary>
    /// <param name="boundaries">Frames, shifted by 8, with the <see cref="PageState"/> or <see cref="Hole"/> that begins there; sorted.
    /// The last is a hole.</param>
    public PageStateList(List<ulong> boundaries)
    {
        _boundaries = boundaries;
    }

    /// <inheritdoc/>
    public override PageState Get(ulong frame)
    {
        int state = (int)_boundaries[Find(frame)] & 0xff;
        return state == Hole ? PageState.Unreported : (PageState)state;
    }

    /// <inheritdoc/>
    public override PageRunCursor OpenCursor() => new Cursor(this);

    /// <summary>The last boundary that is not above a frame.</summary>
    private int Find(ulong frame)
    {
        int index = _boundaries.BinarySearch((frame << 8) | 0xff);
        return index >= 0 ? index : ~index - 1;
    }

    private sealed class Cursor(PageStateList states) : PageRunCursor
    {
        private int _index;

        public override ulong FindRunEnd(ulong frame, ulong limit, out PageState state)
        {
            // The next run in most cases; anything else is searched for.
            if (!IsAt(_index, frame))
            {
                _index = IsAt(_index + 1, frame) ? _index + 1 : states.Find(frame);
            }

            state = (PageState)(states._boundaries[_index] & 0xff);
            ulong end = states._boundaries[_index + 1] >> 8;
            return Math.Min(end, limit);
        }

        private bool IsAt(int index, ulong frame) =>
            index + 1 < states._boundaries.Count && states._boundaries[index] >> 8 <= frame && frame < states._boundaries[index + 1] >> 8;
    }
}
