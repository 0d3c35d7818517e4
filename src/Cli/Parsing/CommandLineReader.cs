using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>Turns the words of the command line into a verb and its options, or into a request for help.</summary>
internal static class CommandLineReader
{
    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">The words after <c>kvmsev</c>.</param>
    /// <param name="root">Every verb.</param>
    /// <exception cref="UsageException">The words make no sense; the message names the first one at fault.</exception>
    internal static ParsedCommand Read(IReadOnlyList<string> arguments, VerbGroup root)
    {
        string[] words = [.. arguments.Select(word => word == "-h" ? "--help" : word)];
        if (words is ["--version", ..])
        {
            words[0] = "version";
        }

        return words is ["help", .. string[] topic] ? Read([.. topic, "--help"], root, root) : Read(words, root, root);
    }

    private static ParsedCommand Read(string[] words, VerbGroup group, VerbGroup root)
    {
        if (words.Length == 0)
        {
            string problem = group.Name is null ? "no verb given" : $"'{group.Name}' needs a verb: {string.Join(", ", group.Words)}";
            throw new UsageException(problem, HelpHint(group));
        }

        string word = words[0];
        string[] rest = words[1..];
        if (word == "--help" || (word == "help" && group != root))
        {
            return rest is [] or ["--help"] ? new ParsedCommand.GroupHelp(group) : Read([.. rest, "--help"], group, root);
        }

        if (group.Groups.FirstOrDefault(candidate => candidate.Name == word) is VerbGroup subgroup)
        {
            return Read(rest, subgroup, root);
        }

        Verb verb = group.Verbs.FirstOrDefault(candidate => candidate.Name == word) ?? throw UnknownVerb(word, group);
        OptionTable options = OptionTable.For(verb.OptionsType);
        if (ArgumentCheck.Check(rest, options))
        {
            // CommandLineParser sees --help only where it comes first.
            words = [word, "--help"];
        }
        else if (options.PositionalCount > 0 && options.Options.Any(static option => option is { TakesValue: true, MayRepeat: true }))
        {
            // It would take the words behind the value of an option that may be repeated for more values of it.
            words = [word, .. ArgumentCheck.PositionalsLast(rest, options)];
        }

        // GetoptMode: the word after an option that needs a value is that value, whatever it begins with, as with every other Unix program.
        using Parser parser = new(settings =>
        {
            settings.HelpWriter = null;
            settings.GetoptMode = true;
            settings.AllowMultiInstance = true;
            settings.AutoHelp = true;
            settings.AutoVersion = false;
        });
        ParserResult<object> result = parser.ParseArguments(words, [.. group.Verbs.Select(candidate => candidate.OptionsType)]);
        return result.MapResult<object, ParsedCommand>(
            value => new ParsedCommand.Execution(verb, (CommonOptions)value),
            errors => Explain([.. errors], verb, result, options));
    }

    private static ParsedCommand.VerbHelp Explain(Error[] errors, Verb verb, ParserResult<object> result, OptionTable options)
    {
        if (errors.Any(error => error.Tag is ErrorType.HelpRequestedError or ErrorType.HelpVerbRequestedError))
        {
            return new ParsedCommand.VerbHelp(verb, result);
        }

        throw errors[0] switch
        {
            UnknownOptionError unknown =>
                ArgumentCheck.Unknown(unknown.Token.Length == 1 ? $"-{unknown.Token}" : $"--{unknown.Token}", unknown.Token, options),
            MissingRequiredOptionError { NameInfo.LongName: { Length: > 0 } name } =>
                new UsageException($"--{name} is required", $"usage: {verb.Usage}"),
            MissingRequiredOptionError => new UsageException("an argument is missing", $"usage: {verb.Usage}"),
            NamedError named => new UsageException($"--{named.NameInfo.LongName}: bad value", $"usage: {verb.Usage}"),
            TokenError token => new UsageException($"'{token.Token}' is not understood", $"usage: {verb.Usage}"),
            Error other => new UsageException($"the command line is not understood ({other.Tag})", $"usage: {verb.Usage}"),
        };
    }

    private static UsageException UnknownVerb(string word, VerbGroup group)
    {
        string kind = word.StartsWith('-') ? "option" : "verb";
        string where = group.Name is null ? string.Empty : $" of '{group.CommandPrefix}'";
        string? nearest = Suggestion.Nearest(word, group.Words);
        return new UsageException($"unknown {kind} '{word}'{where}", nearest is null ? HelpHint(group) : $"did you mean '{nearest}'?");
    }

    private static string HelpHint(VerbGroup group) => $"'{group.CommandPrefix} --help' lists the verbs";
}
