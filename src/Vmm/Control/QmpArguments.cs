using System.Globalization;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>The arguments of a command; what is asked for is known, anything else is refused.</summary>
internal sealed class QmpArguments
{
    private readonly JsonElement? _arguments;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>Takes the arguments.</summary>
    /// <param name="arguments">A JSON object, or null for none.</param>
    internal QmpArguments(JsonElement? arguments)
    {
        _arguments = arguments;
    }

    /// <summary>A member that holds base64.</summary>
    /// <param name="name">Its name.</param>
    internal byte[] RequireBase64(string name)
    {
        if (Find(name) is not JsonElement value)
        {
            throw new QmpException($"Parameter '{name}' is missing");
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw new QmpException($"Invalid parameter type for '{name}', expected: string");
        }

        return value.TryGetBytesFromBase64(out byte[]? bytes)
            ? bytes
            : throw new QmpException($"Parameter '{name}' expects base64");
    }

    /// <summary>A member that is an address: a number, or a text such as <c>0x1f000</c>, as this monitor writes addresses.</summary>
    /// <param name="name">Its name.</param>
    internal ulong RequireAddress(string name)
    {
        JsonElement value = Find(name) ?? throw new QmpException($"Parameter '{name}' is missing");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number))
        {
            return number;
        }

        return value.ValueKind == JsonValueKind.String && value.GetString() is ['0', 'x', .. string digits]
            && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address)
            ? address
            : throw new QmpException($"Parameter '{name}' expects an address: a number, or a text such as \"0x1f000\"");
    }

    /// <summary>A member that is an unsigned number; null where it is not there.</summary>
    /// <param name="name">Its name.</param>
    internal ulong? OptionalNumber(string name)
    {
        if (Find(name) is not JsonElement value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number)
            ? number
            : throw new QmpException($"Invalid parameter type for '{name}', expected: uint64");
    }

    /// <summary>A member that is a list of names, of which none can be granted; it may be left out or be empty.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="describe">Says of one of them what is wrong.</param>
    internal void RefuseItems(string name, Func<string, string> describe)
    {
        if (Find(name) is not JsonElement value)
        {
            return;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw new QmpException($"Invalid parameter type for '{name}', expected: array");
        }

        if (value.GetArrayLength() > 0)
        {
            throw value[0].ValueKind == JsonValueKind.String
                ? new QmpException(describe(QmpText.Shorten(value[0].GetString()!)))
                : new QmpException($"Invalid parameter type for '{name}[0]', expected: string");
        }
    }

    /// <summary>Refuses members that nobody asked for.</summary>
    internal void End()
    {
        if (_arguments is not JsonElement arguments)
        {
            return;
        }

        foreach (JsonProperty member in arguments.EnumerateObject())
        {
            if (!_known.Contains(member.Name))
            {
                throw new QmpException($"Parameter '{QmpText.Shorten(member.Name)}' is unexpected");
            }
        }
    }

    private JsonElement? Find(string name)
    {
        _known.Add(name);
        return _arguments is JsonElement arguments && arguments.TryGetProperty(name, out JsonElement value) ? value : null;
    }
}
