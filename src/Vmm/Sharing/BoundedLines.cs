namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Reads lines of bytes from a stream, in constant memory whatever the stream holds.</summary>
internal sealed class BoundedLines
{
    /// <summary>Longest line, in bytes, with its line feed.</summary>
    public const int MaximumLineBytes = 16 * 1024;

    private readonly Stream _input;
    private readonly byte[] _buffer = new byte[MaximumLineBytes];
    private int _start;
    private int _end;
    private int _lineLength;

    /// <summary>Makes the reader; it does not own the stream.</summary>
    public BoundedLines(Stream input)
    {
        _input = input;
    }

    /// <summary>Number of the present line, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Whether reading ended at a line that is longer than <see cref="MaximumLineBytes"/>.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>The present line, without its line feed. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Line => _buffer.AsSpan(_start, _lineLength);

    /// <summary>Goes to the next line.</summary>
    /// <param name="problem">What is wrong with it, or null: it is too long, or has no line feed.</param>
    /// <returns>False at the end, and when something is wrong.</returns>
    public bool MoveNext(out string? problem)
    {
        problem = null;
        _start += Number == 0 ? 0 : _lineLength + 1;
        _lineLength = 0;
        Number++;
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                _lineLength = searched + length;
                return true;
            }

            searched = _end - _start;
            if (searched == _buffer.Length)
            {
                problem = "is longer than 16 KiB";
                IsTooLong = true;
                return false;
            }

            _buffer.AsSpan(_start, searched).CopyTo(_buffer);
            _start = 0;
            _end = searched;
            int read = _input.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0)
            {
                problem = searched == 0 ? null : "has no line feed; the file is cut short";
                return false;
            }

            _end += read;
        }
    }
}
