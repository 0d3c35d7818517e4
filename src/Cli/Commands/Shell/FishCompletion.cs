using System.Text;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>Writes the completion script for fish.</summary>
internal static class FishCompletion
{
    private const string Body = """
        # Whether the words before the cursor are those of the verb or group that is given.
        function __kvmsev_at
            set -l verb ''
            set -l words (commandline -opc)[2..]
            if test "$words[1]" = help
                set -e words[1]
            end
            for word in $words
                if string match -q -- '-*' $word
                    continue
                end
                set -l next (string trim -- "$verb $word")
                if not contains -- $next $__kvmsev_paths
                    break
                end
                set verb $next
            end
            test "$verb" = "$argv[1]"
        end

        complete -c kvmsev -f

        """;

    /// <summary>Writes the script.</summary>
    /// <param name="tree">The verbs.</param>
    internal static string Write(CompletionTree tree)
    {
        StringBuilder script = new("# Completion of kvmsev for fish; printed by 'kvmsev completion fish'.\n\n");
        script.Append("set -g __kvmsev_paths");
        foreach (string path in tree.Groups.Select(static group => group.Path).Concat(tree.Verbs.Select(static verb => verb.Path)))
        {
            if (path.Length > 0)
            {
                script.Append(' ').Append(Quote(path));
            }
        }

        script.Append("\n\n").Append(Body).Append('\n');
        foreach (CompletionTree.Group group in tree.Groups)
        {
            foreach (CompletionTree.Word word in group.Words)
            {
                Begin(script, group.Path).Append(" -a ").Append(Quote(word.Name)).Append(" -d ").Append(Quote(word.Summary)).Append('\n');
            }
        }

        Begin(script, string.Empty).Append(" -a help -d 'Explain a verb.'\n");
        Begin(script, string.Empty).Append(" -l version -d 'Print the versions.'\n");
        foreach (CompletionTree.Leaf verb in tree.Verbs)
        {
            foreach (CompletionTree.Value argument in verb.Arguments.Distinct())
            {
                Begin(script, verb.Path);
                AppendValue(script, argument).Append('\n');
            }

            foreach (CompletionTree.Option option in verb.Options)
            {
                Begin(script, verb.Path).Append(" -l ").Append(option.Name);
                if (option.ShortName.Length > 0)
                {
                    script.Append(" -s ").Append(option.ShortName);
                }

                if (option.Value is CompletionTree.Value value)
                {
                    AppendValue(script.Append(" -r"), value);
                }

                script.Append(" -d ").Append(Quote(option.HelpText)).Append('\n');
            }
        }

        return script.ToString();
    }

    private static StringBuilder Begin(StringBuilder script, string path) =>
        script.Append("complete -c kvmsev -n ").Append(Quote($"__kvmsev_at {Quote(path)}"));

    private static StringBuilder AppendValue(StringBuilder script, CompletionTree.Value value) => value.Kind switch
    {
        ValueKind.File => script.Append(" -F"),
        ValueKind.Directory => script.Append(" -f -a '(__fish_complete_directories)'"),
        ValueKind.Words => script.Append(" -f -a ").Append(Quote(string.Join(' ', value.Words))),
        _ => script.Append(" -f"),
    };

    private static string Quote(string text) =>
        $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
