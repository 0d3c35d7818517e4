namespace KvmSevVmm.Vmm.Console;

/// <summary>Takes terminal control out of console output, so that text can be compared: escape sequences and carriage returns go, all else
/// stays.</summary>
/// <remarks>
/// Source: ECMA-48, in its 7-bit form. A sequence may be cut anywhere between two calls. CSI is <c>ESC [ … final</c>; OSC, DCS, SOS, PM
/// and APC run to BEL or <c>ESC \</c>; the rest is <c>ESC intermediate… final</c>. A line feed ends any of them, so that a torn sequence
/// hides at most one line.
/// </remarks>
internal sealed class ConsoleTextFilter
{
    private const byte Bell = 0x07;
    private const byte LineFeed = 0x0A;
    private const byte CarriageReturn = 0x0D;
    private const byte Cancel = 0x18;
    private const byte Substitute = 0x1A;
    private const byte Escape = 0x1B;

    private State _state;

    private enum State
    {
        Text,
        Escape,
        ControlSequence,
        ControlString,
    }

    /// <summary>Copies what is text.</summary>
    /// <param name="input">Console bytes.</param>
    /// <param name="output">At least as long as <paramref name="input"/>.</param>
    /// <returns>Bytes written to <paramref name="output"/>.</returns>
    public int Filter(ReadOnlySpan<byte> input, Span<byte> output)
    {
        int count = 0;
        foreach (byte value in input)
        {
            if (IsText(value))
            {
                output[count++] = value;
            }
        }

        return count;
    }

    private bool IsText(byte value)
    {
        if (value == LineFeed)
        {
            _state = State.Text;
            return true;
        }

        if (value == Escape)
        {
            _state = State.Escape;
            return false;
        }

        if (value is Cancel or Substitute && _state != State.Text)
        {
            _state = State.Text;
            return false;
        }

        switch (_state)
        {
            case State.Text:
                return value != CarriageReturn;
            case State.Escape:
                _state = value switch
                {
                    (byte)'[' => State.ControlSequence,
                    (byte)']' or (byte)'P' or (byte)'X' or (byte)'^' or (byte)'_' => State.ControlString,
                    < 0x30 => State.Escape, // an intermediate byte, or a control character in between
                    _ => State.Text,
                };
                return false;
            case State.ControlSequence:
                _state = value is >= 0x40 and <= 0x7E ? State.Text : State.ControlSequence;
                return false;
            default:
                _state = value == Bell ? State.Text : State.ControlString;
                return false;
        }
    }
}
