using System.Text;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Reads a JSON document token by token from a stream, in constant memory however long it is.</summary>
internal sealed class JsonTokens
{
    /// <summary>Longest token, in bytes.</summary>
    public const int MaximumTokenBytes = 16 * 1024;

    private readonly Stream _input;
    private readonly byte[] _buffer = new byte[MaximumTokenBytes];
    private readonly byte[] _value = new byte[MaximumTokenBytes];
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 8 });
    private int _start;
    private int _end;
    private int _valueLength;
    private bool _isFinal;
    private bool _isPutBack;

    /// <summary>Makes the reader; it does not own the stream.</summary>
    public JsonTokens(Stream input)
    {
        _input = input;
    }

    /// <summary>Kind of the token.</summary>
    public JsonTokenType Type { get; private set; }

    /// <summary>Text of a name or a string, without escapes; the digits of a number. Valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Value => _value.AsSpan(0, _valueLength);

    /// <summary>Text of a name or a string.</summary>
    public string GetString() => Encoding.UTF8.GetString(Value);

    /// <summary>Whether the text of a name or a string is <paramref name="ascii"/>.</summary>
    public bool ValueIs(string ascii) => Ascii.Equals(Value, ascii);

    /// <summary>Makes the next <see cref="Read"/> give the present token again.</summary>
    public void PutBack() => _isPutBack = true;

    /// <summary>Reads the next token.</summary>
    /// <returns>False at the end of the document.</returns>
    /// <exception cref="JsonException">The document is not JSON, or goes on behind its value. The message repeats what the document
    /// says: not for terminals.</exception>
    /// <exception cref="InvalidDataException">A token is too long or not Unicode; the message is a clause to print.</exception>
    public bool Read()
    {
        if (_isPutBack)
        {
            _isPutBack = false;
            return true;
        }

        while (true)
        {
            Utf8JsonReader reader = new(_buffer.AsSpan(_start, _end - _start), _isFinal, _state);
            bool found = reader.Read();
            if (found)
            {
                Type = reader.TokenType;
                Take(ref reader);
            }

            _start += (int)reader.BytesConsumed;
            _state = reader.CurrentState;
            if (found)
            {
                return true;
            }

            if (_isFinal)
            {
                Type = JsonTokenType.None;
                _valueLength = 0;
                return false;
            }

            Fill();
        }
    }

    private void Take(ref Utf8JsonReader reader)
    {
        try
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                case JsonTokenType.String:
                    _valueLength = reader.CopyString(_value);
                    break;
                case JsonTokenType.Number:
                    reader.ValueSpan.CopyTo(_value);
                    _valueLength = reader.ValueSpan.Length;
                    break;
                default:
                    _valueLength = 0;
                    break;
            }
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidDataException("is not Unicode", exception);
        }
    }

    private void Fill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        if (_end == _buffer.Length)
        {
            throw new InvalidDataException("has a token longer than 16 KiB");
        }

        int read = _input.Read(_buffer, _end, _buffer.Length - _end);
        _isFinal = read == 0;
        _end += read;
    }
}
