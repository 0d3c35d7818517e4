namespace KvmSevVmm.Cli.Parsing;

/// <summary>
/// Finds what CommandLineParser lets pass or cannot name well: surplus and repeated words, forgotten values, single-dash spellings, values
/// of switches.
/// </summary>
internal static class ArgumentCheck
{
    /// <summary>Checks the words behind a verb; what it accepts goes to CommandLineParser unchanged.</summary>
    /// <param name="arguments">The words behind the verb.</param>
    /// <param name="options">What the verb understands.</param>
    /// <returns>Whether the words ask for help; those behind <c>--help</c> are not looked at.</returns>
    /// <exception cref="UsageException">A word is wrong; the message names it and, where one is near, what was meant.</exception>
    internal static bool Check(ReadOnlySpan<string> arguments, OptionTable options)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        int positionals = 0;
        for (int i = 0; i < arguments.Length; i++)
        {
            string word = arguments[i];
            if (word == "--")
            {
                CountPositionals(arguments[(i + 1)..], positionals, options);
                return false;
            }

            if (word.StartsWith("--", StringComparison.Ordinal))
            {
                string name = word[2..].Split('=', 2)[0];
                OptionTable.Entry option = options.TryGet(name, out OptionTable.Entry? known)
                    ? known
                    : throw Unknown($"--{name}", name, options);
                if (name == "help")
                {
                    return true;
                }

                bool hasInlineValue = word.Contains('=', StringComparison.Ordinal);
                CheckOnce(option, seen);
                if (!option.TakesValue && hasInlineValue)
                {
                    throw new UsageException($"--{name} takes no value");
                }

                if (option.TakesValue && !hasInlineValue)
                {
                    i++;
                    CheckValuePresent(arguments, i, option, options);
                }
            }
            else if (word.Length > 1 && word[0] == '-')
            {
                CheckShort(word, options, seen);
            }
            else
            {
                CountPositionals([word], positionals, options);
                positionals++;
            }
        }

        return false;
    }

    /// <summary>The same words with all options first, and the others behind <c>--</c>.</summary>
    /// <param name="arguments">Words that <see cref="Check"/> has accepted.</param>
    /// <param name="options">What the verb understands.</param>
    internal static IEnumerable<string> PositionalsLast(IReadOnlyList<string> arguments, OptionTable options)
    {
        List<string> first = [];
        List<string> last = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            string word = arguments[i];
            if (word == "--")
            {
                last.AddRange(arguments.Skip(i + 1));
                break;
            }

            bool isLong = word.StartsWith("--", StringComparison.Ordinal);
            (isLong || (word.Length > 1 && word[0] == '-') ? first : last).Add(word);
            if (isLong && !word.Contains('=', StringComparison.Ordinal) && options.TryGet(word[2..], out OptionTable.Entry? option)
                && option.TakesValue)
            {
                first.Add(arguments[++i]);
            }
        }

        return [.. first, "--", .. last];
    }

    /// <summary>The error for an option that does not exist.</summary>
    /// <param name="written">The option as the user wrote it.</param>
    /// <param name="name">Its name without dashes.</param>
    /// <param name="options">What the verb understands.</param>
    internal static UsageException Unknown(string written, string name, OptionTable options)
    {
        string? nearest = Suggestion.Nearest(name, options.LongNames);
        return new UsageException($"unknown option '{written}'", nearest is null ? null : $"did you mean '--{nearest}'?");
    }

    private static void CheckShort(string word, OptionTable options, HashSet<string> seen)
    {
        foreach (char letter in word.AsSpan(1))
        {
            if (!options.TryGet(letter, out OptionTable.Entry? option))
            {
                throw Unknown(word, word[1..].Split('=', 2)[0], options);
            }

            CheckOnce(option, seen);
        }
    }

    private static void CheckOnce(OptionTable.Entry option, HashSet<string> seen)
    {
        if (!seen.Add(option.Name) && !option.MayRepeat)
        {
            throw new UsageException($"--{option.Name} is given twice");
        }
    }

    private static void CheckValuePresent(ReadOnlySpan<string> arguments, int index, OptionTable.Entry option, OptionTable options)
    {
        if (index >= arguments.Length)
        {
            throw new UsageException($"--{option.Name} needs a value");
        }

        string value = arguments[index];
        if (value == "--" || (value.StartsWith("--", StringComparison.Ordinal) && options.TryGet(value[2..].Split('=', 2)[0], out _)))
        {
            throw new UsageException(
                $"--{option.Name} needs a value, but '{value}' follows",
                $"write '--{option.Name}={value}' if that is the value");
        }
    }

    private static void CountPositionals(ReadOnlySpan<string> words, int before, OptionTable options)
    {
        if (words.Length > options.PositionalCount - before)
        {
            throw new UsageException($"unexpected argument '{words[options.PositionalCount - before]}'");
        }
    }
}
