namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// States as the lengths of runs, one to six bytes each: even 64 GiB of pages in alternating states take 16 MiB, less than their text.
/// </summary>
internal sealed class PackedPageStates : PageStates
{
    /// <summary>The code that stands for a hole between two ranges of RAM; other codes are a <see cref="PageState"/>.</summary>
    public const int Hole = 3;

    private const int ChunkBits = 15;
    private const int RunsPerMark = 1024;

    private readonly List<byte[]> _chunks = [];
    private readonly List<ulong> _markFrames = [];
    private readonly List<long> _markOffsets = [];
    private long _length;
    private long _runs;
    private ulong _end;

    /// <summary>Frames that have been added: the first frame behind the last run.</summary>
    public ulong End => _end;

    /// <summary>Adds a run behind the last one.</summary>
    /// <param name="frames">Its length, at least 1.</param>
    /// <param name="code">A <see cref="PageState"/> or <see cref="Hole"/>; not that of the run before.</param>
    public void Add(ulong frames, int code)
    {
        if (_runs++ % RunsPerMark == 0)
        {
            _markFrames.Add(_end);
            _markOffsets.Add(_length);
        }

        _end += frames;
        ulong value = (frames << 2) | (uint)code;
        while (value >= 0x80)
        {
            Append((byte)(value | 0x80));
            value >>= 7;
        }

        Append((byte)value);
    }

    /// <inheritdoc/>
    public override PageState Get(ulong frame)
    {
        _ = new Cursor(this).FindRunEnd(frame, ulong.MaxValue, out PageState state);
        return state;
    }

    /// <inheritdoc/>
    public override PageRunCursor OpenCursor() => new Cursor(this);

    private void Append(byte value)
    {
        int offset = (int)_length & ((1 << ChunkBits) - 1);
        if (offset == 0)
        {
            _chunks.Add(new byte[1 << ChunkBits]);
        }

        _chunks[^1][offset] = value;
        _length++;
    }

    private sealed class Cursor(PackedPageStates states) : PageRunCursor
    {
        // The run that was found last, and where the next one is written.
        private ulong _start;
        private ulong _end;
        private int _code;
        private long _next;

        public override ulong FindRunEnd(ulong frame, ulong limit, out PageState state)
        {
            if (frame < _start)
            {
                Seek(frame);
            }
            else if (frame >= _end)
            {
                // The next run in most cases; anything far is searched for.
                if (!Step() || frame >= _end)
                {
                    Seek(frame);
                }
            }

            while (frame >= _end && Step())
            {
            }

            bool isBehind = frame >= _end;
            state = isBehind || _code == Hole ? PageState.Unreported : (PageState)_code;
            return isBehind ? limit : Math.Min(_end, limit);
        }

        private void Seek(ulong frame)
        {
            int index = states._markFrames.BinarySearch(frame);
            index = index >= 0 ? index : ~index - 1;
            _start = index < 0 ? 0 : states._markFrames[index];
            _end = _start;
            _code = Hole;
            _next = index < 0 ? 0 : states._markOffsets[index];
            _ = Step();
        }

        private bool Step()
        {
            if (_next == states._length)
            {
                return false;
            }

            ulong value = 0;
            int shift = 0;
            byte piece;
            do
            {
                piece = states._chunks[(int)(_next >> ChunkBits)][_next & ((1 << ChunkBits) - 1)];
                value |= (ulong)(piece & 0x7f) << shift;
                shift += 7;
                _next++;
            }
            while (piece >= 0x80);

            _start = _end;
            _end += value >> 2;
            _code = (int)value & 3;
            return true;
        }
    }
}
