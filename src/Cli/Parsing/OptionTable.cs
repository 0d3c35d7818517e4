using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>The options and positional arguments of one verb, read from the attributes of its options class.</summary>
internal sealed class OptionTable
{
    private readonly Dictionary<string, Entry> _long = new(StringComparer.Ordinal);
    private readonly Dictionary<char, Entry> _short = [];
    private readonly List<Positional> _positionals = [];

    private OptionTable([DynamicallyAccessedMembers(Verb.OptionMembers)] Type optionsType)
    {
        foreach (PropertyInfo property in optionsType.GetProperties())
        {
            if (property.GetCustomAttribute<OptionAttribute>() is OptionAttribute option)
            {
                bool takesValue = property.PropertyType != typeof(bool) && !option.FlagCounter;
                bool isRepeatable = option.FlagCounter || property.PropertyType == typeof(IEnumerable<string>);
                Entry entry = new(option.LongName, takesValue, isRepeatable)
                {
                    ShortName = option.ShortName,
                    MetaValue = option.MetaValue,
                    HelpText = option.HelpText,
                    Default = option.Default?.ToString(),
                    IsRequired = option.Required,
                    IsHidden = option.Hidden,
                    Choices = ChoicesOf(property),
                };
                _long.Add(option.LongName, entry);
                if (option.ShortName.Length == 1)
                {
                    _short.Add(option.ShortName[0], entry);
                }
            }
            else if (property.GetCustomAttribute<ValueAttribute>() is ValueAttribute value)
            {
                _positionals.Add(new Positional(value.Index, value.MetaName, value.HelpText, ChoicesOf(property)));
                PositionalCount = property.PropertyType == typeof(string) ? PositionalCount + 1 : int.MaxValue;
            }
        }

        _long.Add("help", new Entry("help", TakesValue: false, MayRepeat: true) { ShortName = "h", HelpText = "Display this help." });
        _positionals.Sort(static (left, right) => left.Index.CompareTo(right.Index));
    }

    /// <summary>The long names without dashes, <c>help</c> included.</summary>
    internal IEnumerable<string> LongNames => _long.Keys;

    /// <summary>Every option as it is declared, those that are hidden and <c>help</c> included.</summary>
    internal IEnumerable<Entry> Options => _long.Values;

    /// <summary>The positional arguments in their order.</summary>
    internal IReadOnlyList<Positional> Positionals => _positionals;

    /// <summary>How many positional arguments the verb takes; <see cref="int.MaxValue"/> when their number is open.</summary>
    internal int PositionalCount { get; }

    /// <summary>Reads the attributes of <paramref name="optionsType"/>.</summary>
    /// <param name="optionsType">The options class.</param>
    internal static OptionTable For([DynamicallyAccessedMembers(Verb.OptionMembers)] Type optionsType) => new(optionsType);

    /// <summary>Looks for a long name.</summary>
    /// <param name="name">The name without dashes.</param>
    /// <param name="option">The option, when the result is true.</param>
    internal bool TryGet(string name, [NotNullWhen(true)] out Entry? option) => _long.TryGetValue(name, out option);

    /// <summary>Looks for a short name.</summary>
    /// <param name="name">The letter.</param>
    /// <param name="option">The option, when the result is true.</param>
    internal bool TryGet(char name, [NotNullWhen(true)] out Entry? option) => _short.TryGetValue(name, out option);

    private static string[] ChoicesOf(PropertyInfo property) => property.GetCustomAttribute<ChoicesAttribute>()?.Words ?? [];

    /// <summary>One option.</summary>
    /// <param name="Name">The long name without dashes.</param>
    /// <param name="TakesValue">Whether the next word belongs to it.</param>
    /// <param name="MayRepeat">Whether it may be given more than once.</param>
    internal sealed record Entry(string Name, bool TakesValue, bool MayRepeat)
    {
        /// <summary>The letter, or the empty string.</summary>
        internal string ShortName { get; init; } = string.Empty;

        /// <summary>What stands for the value in the help: <c>FILE</c>; empty where nothing does.</summary>
        internal string MetaValue { get; init; } = string.Empty;

        /// <summary>What the help says.</summary>
        internal string HelpText { get; init; } = string.Empty;

        /// <summary>The value where the option is not given, or null.</summary>
        internal string? Default { get; init; }

        /// <summary>Whether it must be given.</summary>
        internal bool IsRequired { get; init; }

        /// <summary>Whether the help leaves it out.</summary>
        internal bool IsHidden { get; init; }

        /// <summary>The words that the value may begin with, where these are few; else empty.</summary>
        internal IReadOnlyList<string> Choices { get; init; } = [];
    }

    /// <summary>One positional argument.</summary>
    /// <param name="Index">Its place, from 0.</param>
    /// <param name="MetaName">What stands for it in the help: <c>FILE</c>.</param>
    /// <param name="HelpText">What the help says.</param>
    /// <param name="Choices">The words that it may be, where these are few; else empty.</param>
    internal sealed record Positional(int Index, string MetaName, string HelpText, IReadOnlyList<string> Choices);
}
