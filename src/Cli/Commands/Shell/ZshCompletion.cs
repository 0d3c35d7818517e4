using System.Text;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>Writes the completion script for zsh: the file <c>_kvmsev</c> of a directory of <c>fpath</c>.</summary>
internal static class ZshCompletion
{
    private const string Body = """
        _kvmsev() {
          local cur=${words[CURRENT]} option='' verb='' word='' values=''
          local -i i count=0
          local -a found
          for ((i = 2; i < CURRENT; i++)); do
            word=${words[i]}
            if [[ $i == 2 && $word == help ]]; then
              continue
            fi
            option=''
            if [[ $word == -* ]]; then
              if [[ $word != *=* && -n $(_kvmsev_value "$verb" "$word") ]]; then
                if ((i + 1 < CURRENT)); then
                  i=i+1
                else
                  option=$word
                fi
              fi
              continue
            fi
            _kvmsev_words "$verb"
            if ((${reply[(I)${(b)word}:*]} > 0)); then
              verb="${verb:+$verb }$word"
            else
              count=count+1
            fi
          done
          if [[ -n $option ]]; then
            values=$(_kvmsev_value "$verb" "$option")
          elif [[ $cur == --*=* ]]; then
            values=$(_kvmsev_value "$verb" "${cur%%=*}")
            compset -P '*='
          elif [[ $cur == -* ]]; then
            _kvmsev_options "$verb"
            found=("${reply[@]}")
            _describe -o option found
            return
          else
            _kvmsev_words "$verb"
            if ((${#reply} > 0)); then
              found=("${reply[@]}")
              _describe verb found
              return
            fi
            values=$(_kvmsev_argument "$verb" "$count")
          fi
          case $values in
            @file) _files ;;
            @dir) _files -/ ;;
            @none | '') return 1 ;;
            *) compadd -- ${=values} ;;
          esac
        }

        # Loaded by compinit this file is the function; sourced, it names itself to compdef.
        if [[ ${funcstack[1]} == _kvmsev ]]; then
          _kvmsev "$@"
        else
          compdef _kvmsev kvmsev
        fi

        """;

    /// <summary>Writes the script.</summary>
    /// <param name="tree">The verbs.</param>
    internal static string Write(CompletionTree tree)
    {
        StringBuilder script = new("#compdef kvmsev\n# Completion of kvmsev for zsh; printed by 'kvmsev completion zsh'.\n\n");
        script.Append("_kvmsev_words() {\n  reply=()\n  case $1 in\n");
        foreach (CompletionTree.Group group in tree.Groups)
        {
            script.Append("    ").Append(ShellText.Quote(group.Path)).Append(")\n      reply=(\n");
            foreach (CompletionTree.Word word in group.Words)
            {
                script.Append("        ").Append(ShellText.Quote($"{word.Name}:{word.Summary}")).Append('\n');
            }

            if (group.Path.Length == 0)
            {
                script.Append("        'help:Explain a verb.'\n");
            }

            script.Append("      )\n      ;;\n");
        }

        script.Append("  esac\n}\n\n_kvmsev_options() {\n  reply=('--help:Display the help.')\n  case $1 in\n");
        foreach (CompletionTree.Leaf verb in tree.Verbs)
        {
            script.Append("    ").Append(ShellText.Quote(verb.Path)).Append(")\n      reply=(\n");
            foreach (CompletionTree.Option option in verb.Options)
            {
                script.Append("        ").Append(ShellText.Quote($"--{option.Name}:{option.HelpText}")).Append('\n');
            }

            script.Append("      )\n      ;;\n");
        }

        script.Append("  esac\n}\n\n");
        ShellText.AppendValues(script, tree);
        return script.Append(Body).ToString();
    }
}
