using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>A command as a client sent it.</summary>
/// <param name="Id">What the answer repeats, or null.</param>
/// <param name="Command">The command's name.</param>
/// <param name="Arguments">A JSON object, or null.</param>
internal sealed record QmpRequest(JsonElement? Id, string Command, JsonElement? Arguments)
{
    /// <summary>Deeper input is refused; QMP's own commands have two levels.</summary>
    internal const int MaximumDepth = 64;

    /// <summary>Reads a message.</summary>
    /// <param name="message">One JSON value.</param>
    /// <param name="id">The message's id as soon as it is known, so that an error carries it.</param>
    /// <exception cref="QmpException">It is no command.</exception>
    internal static QmpRequest Parse(ReadOnlyMemory<byte> message, out JsonElement? id)
    {
        id = null;
        JsonElement root = ParseJson(message);
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new QmpException("QMP input must be a JSON object");
        }

        if (root.TryGetProperty("id", out JsonElement named))
        {
            id = named;
        }

        string? command = null;
        JsonElement? arguments = null;
        foreach (JsonProperty member in root.EnumerateObject())
        {
            switch (member.Name)
            {
                case "id":
                    break;
                case "execute":
                    command = member.Value.ValueKind == JsonValueKind.String
                        ? member.Value.GetString()
                        : throw new QmpException("QMP input member 'execute' must be a string");
                    break;
                case "arguments":
                    arguments = member.Value.ValueKind == JsonValueKind.Object
                        ? member.Value
                        : throw new QmpException("QMP input member 'arguments' must be an object");
                    break;
                default:
                    throw new QmpException($"QMP input member '{QmpText.Shorten(member.Name)}' is unexpected");
            }
        }

        return new QmpRequest(id, command ?? throw new QmpException("QMP input lacks member 'execute'"), arguments);
    }

    private static JsonElement ParseJson(ReadOnlyMemory<byte> message)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(message, new JsonDocumentOptions { MaxDepth = MaximumDepth });
            ReadTexts(document.RootElement);
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new QmpException($"JSON parse error at byte {error.BytePositionInLine ?? 0}");
        }
        catch (InvalidOperationException)
        {
            throw new QmpException("JSON parse error: a string is no valid Unicode");
        }
    }

    // The parser looks at texts when they are read, and not before.
    private static void ReadTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    ReadTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
            default:
                break;
        }
    }
}
