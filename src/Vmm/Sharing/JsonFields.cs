using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Reads a JSON document whose fields are known, and names the place of whatever is wrong: <c>ranges[3].label.text</c>.</summary>
internal sealed class JsonFields
{
    private readonly JsonTokens _tokens;
    private readonly string _source;

    // The way to the present value: a name for each object around it, an index for each array.
    private readonly Step[] _path = new Step[16];
    private int _depth;

    /// <summary>Makes the reader.</summary>
    /// <param name="input">The document; stays open.</param>
    /// <param name="source">What to call it in an error.</param>
    public JsonFields(Stream input, string source)
    {
        _tokens = new JsonTokens(input);
        _source = source;
    }

    /// <summary>Kind of the present token.</summary>
    public JsonTokenType Type => _tokens.Type;

    /// <summary>Text of the present name or string, or digits of the present number.</summary>
    public ReadOnlySpan<byte> Value => _tokens.Value;

    /// <summary>Text of the present name or string.</summary>
    public string GetString() => _tokens.GetString();

    /// <summary>Reads an object with exactly the fields named, in any order.</summary>
    /// <param name="names">The fields.</param>
    /// <param name="read">Reads one field's value.</param>
    /// <param name="optional">A field that may be missing.</param>
    public void ReadFields(string[] names, Action<string> read, string? optional = null)
    {
        Next(JsonTokenType.StartObject, "an object");
        int level = _depth++;
        int seen = 0;
        while (true)
        {
            _path[level] = default;
            NextToken();
            if (_tokens.Type == JsonTokenType.EndObject)
            {
                break;
            }

            int index = 0;
            while (index < names.Length && !_tokens.ValueIs(names[index]))
            {
                index++;
            }

            if (index == names.Length)
            {
                throw Invalid($"has a field that it must not have; its fields are {string.Join(", ", names)}");
            }

            _path[level] = new Step(names[index], null);
            Require((seen & (1 << index)) == 0, "is there twice");
            seen |= 1 << index;
            read(names[index]);
        }

        _depth = level;
        for (int i = 0; i < names.Length; i++)
        {
            if ((seen & (1 << i)) == 0 && names[i] != optional)
            {
                throw Invalid("is missing", names[i]);
            }
        }
    }

    /// <summary>Reads an array.</summary>
    /// <param name="read">Reads one element.</param>
    public void ReadArray(Action read)
    {
        Next(JsonTokenType.StartArray, "an array");
        int level = _depth++;
        for (int index = 0; ; index++)
        {
            _path[level] = new Step(null, index);
            NextToken();
            if (_tokens.Type == JsonTokenType.EndArray)
            {
                break;
            }

            _tokens.PutBack();
            read();
        }

        _depth = level;
    }

    /// <summary>Reads a whole number.</summary>
    public ulong ReadNumber()
    {
        NextToken();
        Require(_tokens.Type == JsonTokenType.Number, "is not a number");
        return Number();
    }

    /// <summary>The present number.</summary>
    public ulong Number()
    {
        Require(MapWords.TryParseNumber(_tokens.Value, out ulong number), "is not a whole number from 0 to 2^64 - 1");
        return number;
    }

    /// <summary>Reads a number that can only be one.</summary>
    public void RequireNumber(ulong expected)
    {
        if (ReadNumber() != expected)
        {
            throw Invalid($"is not {expected}");
        }
    }

    /// <summary>Reads an address.</summary>
    public ulong ReadHex()
    {
        Next(JsonTokenType.String, "a string");
        Require(MapWords.TryParseHex(_tokens.Value, out ulong value), "is not an address like 0x1f000");
        return value;
    }

    /// <summary>Checks two addresses, <c>start</c> and <c>end</c>, that were read as fields of the present object.</summary>
    public void RequireRange(ulong start, ulong end)
    {
        Require(GuestPage.IsAligned(start), "is not a multiple of 4096", "start");
        Require(GuestPage.IsAligned(end) && end <= 1UL << RamRanges.AddressBits, "is not a multiple of 4096 up to 2^52", "end");
        Require(start < end, "does not lie above the start", "end");
    }

    /// <summary>Goes to the next token, which must be of one kind.</summary>
    /// <param name="type">The kind.</param>
    /// <param name="words">The kind in words.</param>
    public void Next(JsonTokenType type, string words)
    {
        NextToken();
        if (_tokens.Type != type)
        {
            throw Invalid("is not " + words);
        }
    }

    /// <summary>Goes to the next token, which must exist.</summary>
    public void NextToken()
    {
        if (!Advance())
        {
            throw Invalid("the document ends here");
        }
    }

    /// <summary>Checks that nothing follows.</summary>
    public void RequireEnd() => _ = Advance();

    /// <summary>Checks something.</summary>
    /// <param name="condition">What must be true.</param>
    /// <param name="problem">What is wrong otherwise.</param>
    /// <param name="member">The field of the present value that it is wrong with.</param>
    public void Require(bool condition, string problem, string? member = null)
    {
        if (!condition)
        {
            throw Invalid(problem, member);
        }
    }

    /// <summary>Makes the error for the present place.</summary>
    /// <param name="problem">What is wrong.</param>
    /// <param name="member">The field of the present value that it is wrong with.</param>
    /// <param name="inner">The cause.</param>
    public InvalidInputException Invalid(string problem, string? member = null, Exception? inner = null)
    {
        string place = "";
        for (int i = 0; i < _depth; i++)
        {
            place += _path[i].Name is { } name ? "." + name : "";
            place += _path[i].Index is { } index ? FormattableString.Invariant($"[{index}]") : "";
        }

        place += member is null ? "" : "." + member;
        return new InvalidInputException(_source, place.Length == 0 ? "document" : place.TrimStart('.'), problem, inner);
    }

    private bool Advance()
    {
        try
        {
            return _tokens.Read();
        }
        catch (JsonException exception)
        {
            // Its message repeats what the document says, and that can be anything; the place cannot.
            string place = FormattableString.Invariant($"line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}");
            throw Invalid("is not JSON from here on: " + place, null, exception);
        }
        catch (InvalidDataException exception)
        {
            throw Invalid(exception.Message, null, exception);
        }
    }

    /// <summary>
    /// One step of a path: a field of an object by its name, an element of an array by its index, or neither between two fields.
    /// </summary>
    private readonly record struct Step(string? Name, int? Index);
}
