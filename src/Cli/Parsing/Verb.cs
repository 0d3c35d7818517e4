using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>One verb: its options, what executes it, and the help that goes beneath the options.</summary>
internal sealed class Verb
{
    /// <summary>
    /// What CommandLineParser reads of an options class by reflection; named so that the ahead-of-time compiler keeps it.
    /// </summary>
    internal const DynamicallyAccessedMemberTypes OptionMembers =
        DynamicallyAccessedMemberTypes.PublicParameterlessConstructor | DynamicallyAccessedMemberTypes.PublicProperties;

    private readonly Func<CommonOptions, CliContext, int> _execute;

    private Verb(
        [DynamicallyAccessedMembers(OptionMembers)] Type optionsType,
        VerbAttribute attribute,
        string usage,
        string description,
        IReadOnlyList<VerbExample> examples,
        Func<CommonOptions, CliContext, int> execute)
    {
        OptionsType = optionsType;
        Name = attribute.Name;
        Summary = attribute.HelpText;
        Usage = usage;
        Description = description;
        Examples = examples;
        _execute = execute;
    }

    /// <summary>The class that CommandLineParser fills.</summary>
    [DynamicallyAccessedMembers(OptionMembers)]
    internal Type OptionsType { get; }

    /// <summary>The verb as typed, without its group: <c>show</c>.</summary>
    internal string Name { get; }

    /// <summary>What it does, one line.</summary>
    internal string Summary { get; }

    /// <summary>The form of its command line: <c>kvmsev map show FILE [OPTIONS]</c>.</summary>
    internal string Usage { get; }

    /// <summary>What the option list does not say; paragraphs of at most 80 columns.</summary>
    internal string Description { get; }

    /// <summary>Command lines that work as they stand, given the files.</summary>
    internal IReadOnlyList<VerbExample> Examples { get; }

    /// <summary>
    /// Describes a verb whose name and summary stand in the <see cref="VerbAttribute"/> of <typeparamref name="TOptions"/>.
    /// </summary>
    /// <typeparam name="TOptions">The options class.</typeparam>
    /// <param name="usage">The form of its command line.</param>
    /// <param name="description">What the option list does not say; lines of at most 80 columns.</param>
    /// <param name="examples">At least one.</param>
    /// <param name="execute">Carries it out and returns an <see cref="ExitCode"/>.</param>
    internal static Verb Create<[DynamicallyAccessedMembers(OptionMembers)] TOptions>(
        string usage,
        string description,
        IReadOnlyList<VerbExample> examples,
        Func<TOptions, CliContext, int> execute)
        where TOptions : CommonOptions =>
        new(
            typeof(TOptions),
            typeof(TOptions).GetCustomAttribute<VerbAttribute>()
                ?? throw new InvalidOperationException($"{typeof(TOptions)} has no VerbAttribute."),
            usage,
            description,
            examples,
            (options, context) => execute((TOptions)options, context));

    /// <summary>Carries the verb out.</summary>
    /// <param name="options">An instance of <see cref="OptionsType"/>.</param>
    /// <param name="context">The streams and services of this run of the program.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal int Execute(CommonOptions options, CliContext context) => _execute(options, context);
}
