using System.Text;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>Writes the completion script for bash; it needs nothing beside bash itself.</summary>
internal static class BashCompletion
{
    // The words of the line lie in COMP_WORDS, split at '=' too, so that --sev=VALUE is three of them.
    private const string Body = """
        _kvmsev() {
          local cur=${COMP_WORDS[COMP_CWORD]} option='' verb='' next='' values='' word='' i=0 count=0
          local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
          COMPREPLY=()
          if [[ $cur == '=' ]]; then
            cur=''
          elif ((${#before[@]} > 0)) && [[ ${before[-1]} == '=' ]]; then
            unset 'before[-1]'
          fi
          for ((i = 0; i < ${#before[@]}; i++)); do
            word=${before[i]}
            if [[ $word == '=' || ($i == 0 && $word == help) ]]; then
              continue
            fi
            option=''
            if [[ $word == -* ]]; then
              if [[ -n $(_kvmsev_value "$verb" "$word") ]]; then
                option=$word
                if [[ ${before[i + 1]:-} == '=' ]]; then
                  i=$((i + 1))
                fi
                if ((i + 1 < ${#before[@]})); then
                  i=$((i + 1))
                  option=''
                fi
              fi
              continue
            fi
            next=$(_kvmsev_words "$verb")
            if [[ " ${next//$'\n'/ } " == *" $word "* ]]; then
              verb="${verb:+$verb }$word"
            else
              count=$((count + 1))
            fi
          done
          if [[ -n $option ]]; then
            values=$(_kvmsev_value "$verb" "$option")
          elif [[ $cur == -* ]]; then
            values=$(_kvmsev_options "$verb")
          else
            values=$(_kvmsev_words "$verb")
            if [[ -z $values ]]; then
              values=$(_kvmsev_argument "$verb" "$count")
            fi
          fi
          case $values in
            @file)
              compopt -o filenames 2>/dev/null
              mapfile -t COMPREPLY < <(compgen -f -- "$cur")
              ;;
            @dir)
              compopt -o filenames 2>/dev/null
              mapfile -t COMPREPLY < <(compgen -d -- "$cur")
              ;;
            @none) ;;
            *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur") ;;
          esac
        }

        complete -F _kvmsev kvmsev

        """;

    /// <summary>Writes the script.</summary>
    /// <param name="tree">The verbs.</param>
    internal static string Write(CompletionTree tree)
    {
        StringBuilder script = new("# Completion of kvmsev for bash; printed by 'kvmsev completion bash'.\n# shellcheck shell=bash\n\n");
        script.Append("_kvmsev_words() {\n  case $1 in\n");
        foreach (CompletionTree.Group group in tree.Groups)
        {
            IEnumerable<string> words = group.Words.Select(static word => word.Name);
            words = group.Path.Length == 0 ? words.Append("help") : words;
            script.Append("    ").Append(ShellText.Quote(group.Path)).Append(") echo ")
                .Append(ShellText.Quote(string.Join(' ', words))).Append(" ;;\n");
        }

        script.Append("  esac\n}\n\n_kvmsev_options() {\n  case $1 in\n");
        foreach (CompletionTree.Leaf verb in tree.Verbs)
        {
            script.Append("    ").Append(ShellText.Quote(verb.Path)).Append(") echo ")
                .Append(ShellText.Quote(string.Join(' ', verb.Options.Select(static option => $"--{option.Name}")))).Append(" ;;\n");
        }

        script.Append("    '') echo '--help --version' ;;\n    *) echo '--help' ;;\n  esac\n}\n\n");
        ShellText.AppendValues(script, tree);
        return script.Append(Body).ToString();
    }
}
