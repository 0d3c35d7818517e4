using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>What the command line asks for.</summary>
internal abstract record ParsedCommand
{
    private ParsedCommand()
    {
    }

    /// <summary>A verb is to be carried out.</summary>
    /// <param name="Verb">The verb.</param>
    /// <param name="Options">Its options.</param>
    internal sealed record Execution(Verb Verb, CommonOptions Options) : ParsedCommand;

    /// <summary>The help of one verb.</summary>
    /// <param name="Verb">The verb.</param>
    /// <param name="Result">What CommandLineParser's HelpText lists the options from.</param>
    internal sealed record VerbHelp(Verb Verb, ParserResult<object> Result) : ParsedCommand;

    /// <summary>The list of verbs.</summary>
    /// <param name="Group">The verbs to list.</param>
    internal sealed record GroupHelp(VerbGroup Group) : ParsedCommand;
}
