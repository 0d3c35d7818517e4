namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// Cuts a stream of JSON values, with or without line ends between them, into one value at a time, looking at each byte once. It judges no
/// more of a value than its length and depth; what is no JSON is cut off at the next blank or line end, so that a client can go on after
/// its mistake.
/// </summary>
internal sealed class JsonValueSplitter
{
    /// <summary>The longest value in bytes; a secret of a page is less than half of it.</summary>
    internal const int MaximumLength = 16 << 10;

    private const int FirstCapacity = 512;

    private byte[] _value = new byte[FirstCapacity];
    private int _length;
    private int _depth;
    private bool _isInString;
    private bool _isEscaped;
    private bool _isSkipping;

    /// <summary>Takes bytes until a value is whole.</summary>
    /// <param name="input">What has arrived; what is left of it afterwards comes after the value.</param>
    /// <param name="value">The value, until the next call.</param>
    /// <returns>True when there is a value, false when more input is needed.</returns>
    /// <exception cref="QmpException">The value is too long or too deep; the rest of its line is left out.</exception>
    internal bool TryTake(ref ReadOnlySpan<byte> input, out ReadOnlyMemory<byte> value)
    {
        value = default;
        while (!input.IsEmpty)
        {
            byte next = input[0];
            input = input[1..];
            if (_isSkipping)
            {
                _isSkipping = next != (byte)'\n';
                continue;
            }

            if (Take(next))
            {
                value = _value.AsMemory(0, _length);
                Restart();
                return true;
            }

            string? problem = FindProblem();
            if (problem is not null)
            {
                Restart();
                _isSkipping = next != (byte)'\n';
                throw new QmpException($"JSON parse error: {problem}");
            }
        }

        return false;
    }

    private string? FindProblem() => _length == MaximumLength ? $"the message is longer than {MaximumLength} bytes"
        : _depth > QmpRequest.MaximumDepth ? $"values are nested deeper than {QmpRequest.MaximumDepth}"
        : null;

    private static bool IsBlank(byte next) => next is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';

    /// <returns>True when the byte ends a value.</returns>
    private bool Take(byte next)
    {
        if (_length == 0 && IsBlank(next))
        {
            return false;
        }

        // No JSON string spans lines, and outside an object a blank ends everything.
        if ((_isInString && next == (byte)'\n') || (_depth == 0 && _length > 0 && IsBlank(next)))
        {
            return true;
        }

        Append(next);
        if (_isInString)
        {
            _isInString = _isEscaped || next != (byte)'"';
            _isEscaped = !_isEscaped && next == (byte)'\\';
            return false;
        }

        switch (next)
        {
            case (byte)'"':
                _isInString = _depth > 0;
                return false;
            case (byte)'{' or (byte)'[':
                _depth++;
                return false;
            case (byte)'}' or (byte)']':
                _depth = Math.Max(0, _depth - 1);
                return _depth == 0;
            default:
                return false;
        }
    }

    private void Append(byte next)
    {
        if (_length == _value.Length)
        {
            Array.Resize(ref _value, _value.Length * 2);
        }

        _value[_length++] = next;
    }

    private void Restart()
    {
        _length = 0;
        _depth = 0;
        _isInString = false;
        _isEscaped = false;
    }
}
