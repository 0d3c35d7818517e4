using System.Text;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>What the scripts for bash and zsh have in common: tables as functions of <c>case</c>.</summary>
internal static class ShellText
{
    /// <summary>A word in single quotes, for bash and zsh.</summary>
    /// <param name="text">The word.</param>
    internal static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Appends the functions that tell the value of an option and of an argument.</summary>
    /// <param name="script">The script.</param>
    /// <param name="tree">The verbs.</param>
    internal static void AppendValues(StringBuilder script, CompletionTree tree)
    {
        script.Append("# What follows an option with a value: @file, @dir, @none or the words themselves.\n");
        script.Append("_kvmsev_value() {\n  case \"$1 $2\" in\n");
        foreach (CompletionTree.Leaf verb in tree.Verbs)
        {
            foreach (CompletionTree.Option option in verb.Options.Where(static option => option.Value is not null))
            {
                script.Append("    ").Append(Quote($"{verb.Path} --{option.Name}"));
                if (option.ShortName.Length > 0)
                {
                    script.Append(" | ").Append(Quote($"{verb.Path} -{option.ShortName}"));
                }

                script.Append(") echo ").Append(Quote(option.Value!.Tag)).Append(" ;;\n");
            }
        }

        script.Append("  esac\n}\n\n# The same of the arguments of a verb, counted from 0.\n");
        script.Append("_kvmsev_argument() {\n  case \"$1 $2\" in\n");
        foreach (CompletionTree.Leaf verb in tree.Verbs)
        {
            for (int i = 0; i < verb.Arguments.Count; i++)
            {
                bool isOpen = verb.IsOpen && i == verb.Arguments.Count - 1;
                script.Append("    ").Append(isOpen ? Quote($"{verb.Path} ") + "*" : Quote($"{verb.Path} {i}"));
                script.Append(") echo ").Append(Quote(verb.Arguments[i].Tag)).Append(" ;;\n");
            }
        }

        script.Append("  esac\n}\n\n");
    }
}
