using System.Text.Json;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Control;

/// <summary>The arguments of a command, as they stand on the command line: a JSON object, single <c>NAME=VALUE</c>, or both.</summary>
internal static class CtlArguments
{
    /// <summary>Reads them.</summary>
    /// <param name="text">A JSON object, or null.</param>
    /// <param name="pairs">Each <c>NAME=VALUE</c>; a value that is JSON counts as that, any other as a text.</param>
    /// <returns>The arguments by their names.</returns>
    /// <exception cref="UsageException">They cannot be read, or a name is given twice.</exception>
    internal static IReadOnlyDictionary<string, JsonElement> Parse(string? text, IEnumerable<string> pairs)
    {
        SortedDictionary<string, JsonElement> arguments = new(StringComparer.Ordinal);
        if (text is not null)
        {
            foreach (JsonProperty member in ParseObject(text).EnumerateObject())
            {
                Add(member.Name, member.Value);
            }
        }

        foreach (string pair in pairs)
        {
            int at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
            {
                throw new UsageException($"--arg: '{pair}' is not NAME=VALUE");
            }

            Add(pair[..at], ParseValue(pair[(at + 1)..]));
        }

        return arguments;

        void Add(string name, JsonElement value)
        {
            if (!arguments.TryAdd(name, value))
            {
                throw new UsageException($"the argument '{name}' is given twice");
            }
        }
    }

    private static JsonElement ParseObject(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new UsageException("ARGUMENTS: not a JSON object", "write for instance '{\"gpa\": 4096}', or --arg gpa=4096");
        }
        catch (JsonException error)
        {
            throw new UsageException($"ARGUMENTS: no JSON, at byte {error.BytePositionInLine ?? 0}", "or write --arg NAME=VALUE");
        }
    }

    private static JsonElement ParseValue(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text, CliJsonContext.Default.String);
        }
    }
}
