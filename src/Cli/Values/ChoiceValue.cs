using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads one word out of a fixed few.</summary>
internal static class ChoiceValue
{
    /// <summary>Reads a word.</summary>
    /// <typeparam name="T">What the words stand for.</typeparam>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="choices">The words and their meanings.</param>
    /// <exception cref="UsageException">The word is none of them; with a suggestion.</exception>
    internal static T Parse<T>(string option, string text, params ReadOnlySpan<(string Word, T Meaning)> choices)
    {
        List<string> words = [];
        foreach ((string word, T meaning) in choices)
        {
            if (word == text)
            {
                return meaning;
            }

            words.Add(word);
        }

        string? nearest = Suggestion.Nearest(text, words);
        throw new UsageException(
            $"{option}: unknown value '{text}'",
            nearest is null ? $"the values are: {string.Join(", ", words)}" : $"did you mean '{nearest}'?");
    }
}
