using System.Text;
using CommandLine.Text;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>
/// Writes help: CommandLineParser's list of options with our usage above and our explanations and examples beneath, 80 columns wide.
/// </summary>
internal static class HelpWriter
{
    private const int Columns = 80;

    /// <summary>The help of one verb.</summary>
    /// <param name="help">What was asked.</param>
    internal static string Write(ParsedCommand.VerbHelp help)
    {
        HelpText options = new(SentenceBuilder.Create(), $"Usage: {help.Verb.Usage}", string.Empty)
        {
            AddDashesToOption = true,
            AdditionalNewLineAfterOption = false,
            AutoHelp = true,
            AutoVersion = false,
            MaximumDisplayWidth = Columns,
            OptionComparison = (left, right) => Rank(left).CompareTo(Rank(right)),
        };
        options.AddPreOptionsLine("\n" + help.Verb.Summary);
        options.AddOptions(help.Result);

        StringBuilder text = new();
        foreach (string line in options.ToString().Split('\n'))
        {
            text.Append(line.TrimEnd()).Append('\n');
        }

        TrimNewLines(text).Append("\n\n");
        if (help.Verb.Description.Length > 0)
        {
            text.Append(help.Verb.Description.ReplaceLineEndings("\n").TrimEnd()).Append("\n\n");
        }

        AppendExamples(text, help.Verb.Examples);
        return text.ToString();

        // What the usage line names stands first, in its order; all else as it is declared.
        (int InUsage, int Declared) Rank(ComparableOption option)
        {
            string[] words = help.Verb.Usage.Split(' ', '[', ']', '{', '}');
            int at = Array.IndexOf(words, $"--{option.LongName}");
            return (at < 0 ? words.Length : at, option.Index);
        }
    }

    /// <summary>The list of verbs.</summary>
    /// <param name="group">The verbs.</param>
    internal static string Write(VerbGroup group)
    {
        StringBuilder text = new();
        text.Append("Usage: ").Append(group.CommandPrefix).Append(" VERB [OPTIONS]\n\n").Append(group.Summary).Append("\n\nVerbs:\n");
        List<(string Name, string Summary)> rows =
        [
            .. group.Verbs.Select(verb => (verb.Name, verb.Summary)),
            .. group.Groups.SelectMany(sub => ((string, string)[])
                [(sub.Name!, sub.Summary), (string.Empty, $"verbs: {string.Join(", ", sub.Words)}")]),
        ];
        int width = rows.Max(row => row.Name.Length);
        foreach ((string name, string summary) in rows)
        {
            text.Append("  ").Append(name.PadRight(width)).Append("  ").Append(summary).Append('\n');
        }

        text.Append('\n');
        AppendExamples(text, [.. group.Verbs.Concat(group.Groups.Select(sub => sub.Verbs[0])).Select(verb => verb.Examples[0])]);
        text.Append("\n'").Append(group.CommandPrefix).Append(" VERB --help' explains a verb");
        text.Append(group.Name is null ? "; '--version' is short for 'version'.\n" : ".\n");
        return text.ToString();
    }

    /// <summary>The command line of an example as it is typed, on several lines where it is long.</summary>
    /// <param name="example">The example.</param>
    internal static string CommandLine(VerbExample example)
    {
        StringBuilder text = new();
        AppendCommand(text, example.Arguments);
        return text.ToString();
    }

    private static void AppendExamples(StringBuilder text, IReadOnlyList<VerbExample> examples)
    {
        text.Append("Examples:\n");
        foreach (VerbExample example in examples)
        {
            text.Append("  # ").Append(example.Purpose).Append('\n');
            AppendCommand(text, example.Arguments);
        }
    }

    private static void AppendCommand(StringBuilder text, string[] arguments)
    {
        const string Indent = "      ";
        StringBuilder line = new("  kvmsev");
        for (int i = 0; i < arguments.Length; i++)
        {
            // An option and its value stay on one line.
            string piece = Quote(arguments[i]);
            if (arguments[i].StartsWith("--", StringComparison.Ordinal) && i + 1 < arguments.Length && !arguments[i + 1].StartsWith('-'))
            {
                i++;
                piece += " " + Quote(arguments[i]);
            }

            if (line.Length + 1 + piece.Length > Columns - " \\".Length)
            {
                text.Append(line).Append(" \\\n");
                line.Clear().Append(Indent).Append(piece);
            }
            else
            {
                line.Append(' ').Append(piece);
            }
        }

        text.Append(line).Append('\n');
    }

    private static string Quote(string word) =>
        word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./=,:+".Contains(letter, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static StringBuilder TrimNewLines(StringBuilder text)
    {
        while (text.Length > 0 && text[^1] == '\n')
        {
            text.Length--;
        }

        return text;
    }
}
