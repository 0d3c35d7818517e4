using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>The verbs, groups and options as a completion script needs them: flat, in the order of the help.</summary>
/// <param name="Groups">What words may follow which words; the first is the root.</param>
/// <param name="Verbs">The verbs with their options.</param>
internal sealed record CompletionTree(IReadOnlyList<CompletionTree.Group> Groups, IReadOnlyList<CompletionTree.Leaf> Verbs)
{
    /// <summary>Reads the verbs and the attributes of their options.</summary>
    /// <param name="root">Every verb.</param>
    internal static CompletionTree Of(VerbGroup root)
    {
        List<Group> groups = [];
        List<Leaf> verbs = [];
        Collect(root, string.Empty, groups, verbs);
        return new CompletionTree(groups, verbs);
    }

    private static void Collect(VerbGroup group, string path, List<Group> groups, List<Leaf> verbs)
    {
        groups.Add(new Group(
            path,
            [
                .. group.Verbs.Select(static verb => new Word(verb.Name, verb.Summary)),
                .. group.Groups.Select(static inner => new Word(inner.Name!, inner.Summary)),
            ]));
        foreach (Verb verb in group.Verbs)
        {
            OptionTable table = OptionTable.For(verb.OptionsType);
            verbs.Add(new Leaf(
                Join(path, verb.Name),
                [.. table.Options.Where(static option => !option.IsHidden).Select(Describe)],
                [.. table.Positionals.Select(static argument => new Value(KindOfArgument(argument), argument.Choices))],
                table.PositionalCount == int.MaxValue));
        }

        foreach (VerbGroup inner in group.Groups)
        {
            Collect(inner, Join(path, inner.Name!), groups, verbs);
        }
    }

    private static string Join(string path, string word) => path.Length == 0 ? word : $"{path} {word}";

    private static Option Describe(OptionTable.Entry option) => new(
        option.Name,
        option.ShortName,
        option.HelpText,
        option.TakesValue ? new Value(KindOf(option.MetaValue, option.Choices), option.Choices) : null);

    // A positional argument is one of few words, an address, JSON, or else a file.
    private static ValueKind KindOfArgument(OptionTable.Positional argument) =>
        argument.Choices.Count > 0 ? ValueKind.Words
        : argument.MetaName is "GPA..." or "ARGUMENTS" ? ValueKind.Nothing
        : ValueKind.File;

    private static ValueKind KindOf(string meta, IReadOnlyList<string> choices)
    {
        if (choices.Count > 0)
        {
            return ValueKind.Words;
        }

        string[] words = meta.Split('|', ',', '[', ']', '.', '=');
        return words.Contains("DIR") ? ValueKind.Directory
            : words.Any(static word => word is "FILE" or "PATH" or "DISK" or "PREFIX") ? ValueKind.File
            : ValueKind.Nothing;
    }

    /// <summary>The words that may follow some words.</summary>
    /// <param name="Path">The words before, with single spaces; empty at the root.</param>
    /// <param name="Words">Those that may follow.</param>
    internal sealed record Group(string Path, IReadOnlyList<Word> Words);

    /// <summary>A word and what it stands for.</summary>
    /// <param name="Name">The word.</param>
    /// <param name="Summary">One line.</param>
    internal sealed record Word(string Name, string Summary);

    /// <summary>A verb.</summary>
    /// <param name="Path">Its words with single spaces: <c>map show</c>.</param>
    /// <param name="Options">Its options, without those that the help hides.</param>
    /// <param name="Arguments">Its positional arguments.</param>
    /// <param name="IsOpen">Whether the last of them may be repeated.</param>
    internal sealed record Leaf(string Path, IReadOnlyList<Option> Options, IReadOnlyList<Value> Arguments, bool IsOpen);

    /// <summary>An option.</summary>
    /// <param name="Name">The long name without dashes.</param>
    /// <param name="ShortName">The letter, or empty.</param>
    /// <param name="HelpText">What the help says.</param>
    /// <param name="Value">Its value, or null for a switch.</param>
    internal sealed record Option(string Name, string ShortName, string HelpText, Value? Value);

    /// <summary>What is offered for a value.</summary>
    /// <param name="Kind">The kind.</param>
    /// <param name="Words">The words, for <see cref="ValueKind.Words"/>.</param>
    internal sealed record Value(ValueKind Kind, IReadOnlyList<string> Words)
    {
        /// <summary>The value as the scripts for bash and zsh say it: <c>@file</c>, <c>@dir</c>, <c>@none</c> or the words.</summary>
        internal string Tag => Kind switch
        {
            ValueKind.File => "@file",
            ValueKind.Directory => "@dir",
            ValueKind.Words => string.Join(' ', Words),
            _ => "@none",
        };
    }
}
