using System.Net.Sockets;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// What a machine sends to a client: one JSON object a line. The value of an answer may be of any length and is handed out piece by piece;
/// all else is held whole, and is bounded.
/// </summary>
/// <param name="socket">The connection; stays the caller's.</param>
/// <param name="path">The socket's path, for messages.</param>
internal sealed class ControlInput(Socket socket, string path)
{
    /// <summary>The longest message that is held whole, in bytes.</summary>
    private const int MaximumMessage = 1 << 20;

    /// <summary>As much of a message's begin as it takes to know an answer.</summary>
    private const int HeadLength = 16;

    private byte[] _buffer = new byte[32 << 10];
    private int _start;
    private int _end;

    private ReadOnlySpan<byte> Waiting => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Whether the next message is an answer; if so, its value is to be read by <see cref="ReadValue"/> to its end.</summary>
    /// <exception cref="IOException">The machine is gone, or silent.</exception>
    internal bool TryBeginAnswer()
    {
        while (Waiting.Length < HeadLength && !Waiting.Contains((byte)'\n'))
        {
            RequireMore();
        }

        int length = LengthOfAnswerHead(Waiting);
        _start += length;
        return length > 0;
    }

    /// <summary>Reads a part of an answer's value.</summary>
    /// <param name="destination">Takes it.</param>
    /// <returns>Its length; 0 behind the value's end, where the next message begins.</returns>
    /// <exception cref="IOException">The machine is gone, or silent, or the answer does not end as QMP's do.</exception>
    internal int ReadValue(Span<byte> destination)
    {
        // Until the line's end is seen, the last two bytes may be the object's end and a carriage return.
        const int LongestTail = 2;
        while (true)
        {
            int end = Waiting.IndexOf((byte)'\n');
            int length = end < 0 ? Waiting.Length - LongestTail : LengthBeforeTail(Waiting[..end]);
            if (length > 0)
            {
                length = Math.Min(length, destination.Length);
                Waiting[..length].CopyTo(destination);
                _start += length;
                return length;
            }

            if (end >= 0)
            {
                _start += end + 1;
                return 0;
            }

            RequireMore();
        }
    }

    /// <summary>Reads the next message whole.</summary>
    /// <returns>A JSON object, or null when the machine has closed the connection.</returns>
    /// <exception cref="IOException">The machine is silent, or what it sends is no JSON object of bounded length.</exception>
    internal JsonElement? ReadMessage()
    {
        int end;
        while ((end = Waiting.IndexOf((byte)'\n')) < 0)
        {
            if (Waiting.Length >= MaximumMessage)
            {
                throw new IOException($"{path}: the machine's message is too long");
            }

            if (!ReceiveMore())
            {
                return null;
            }
        }

        ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, end);
        _start += end + 1;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new IOException($"{path}: the machine's message is no JSON object");
        }
        catch (JsonException error)
        {
            throw new IOException($"{path}: the machine's message is no JSON", error);
        }
    }

    // {"return": with or without a blank behind the colon, as QEMU has it; 0 for any other begin.
    private static int LengthOfAnswerHead(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> head = "{\"return\":"u8;
        return message.StartsWith(head) ? head.Length : 0;
    }

    private int LengthBeforeTail(ReadOnlySpan<byte> line)
    {
        line = line.TrimEnd((byte)'\r');
        return line.EndsWith("}"u8) ? line.Length - 1 : throw new IOException($"{path}: the machine's answer does not end as QMP's do");
    }

    private void RequireMore()
    {
        if (!ReceiveMore())
        {
            throw new IOException($"{path}: the machine closed the connection");
        }
    }

    private bool ReceiveMore()
    {
        if (_start > 0)
        {
            Waiting.CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Min(_buffer.Length * 2, MaximumMessage));
        }

        try
        {
            int length = socket.Receive(_buffer.AsSpan(_end));
            _end += length;
            return length > 0;
        }
        catch (SocketException error)
        {
            throw new IOException($"{path}: no answer: {error.Message}", error);
        }
    }
}
