using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>value,key=value,…</c>: the first key may be left out, every key may stand once.</summary>
internal sealed class KeyValueList
{
    private readonly Dictionary<string, string> _values;

    private KeyValueList(Dictionary<string, string> values)
    {
        _values = values;
    }

    /// <summary>Reads a list.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="keys">The keys that are understood; the first is the one that may be left out.</param>
    /// <exception cref="UsageException">A key is unknown, repeated or without value.</exception>
    internal static KeyValueList Parse(string option, string text, params ReadOnlySpan<string> keys)
    {
        string[] known = [.. keys];
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        string[] parts = text.Split(',');
        for (int i = 0; i < parts.Length; i++)
        {
            int equals = parts[i].IndexOf('=', StringComparison.Ordinal);
            string key = equals >= 0 ? parts[i][..equals] : i == 0 ? known[0] : parts[i];
            if (!known.Contains(key, StringComparer.Ordinal))
            {
                string? nearest = Suggestion.Nearest(key, known);
                string hint = nearest is null ? $"the keys are: {string.Join(", ", known)}" : $"did you mean '{nearest}'?";
                throw new UsageException($"{option}: unknown key '{key}'", hint);
            }

            string value = parts[i][(equals + 1)..];
            if (value.Length == 0 || (equals < 0 && i > 0))
            {
                throw new UsageException($"{option}: {key} needs a value", $"write {key}=…");
            }

            if (!values.TryAdd(key, value))
            {
                throw new UsageException($"{option}: {key} is given twice");
            }
        }

        return new KeyValueList(values);
    }

    /// <summary>The value of a key, or null.</summary>
    /// <param name="key">One of the keys.</param>
    internal string? Get(string key) => _values.GetValueOrDefault(key);
}
