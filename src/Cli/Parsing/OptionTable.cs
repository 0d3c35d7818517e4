using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>The options and positional arguments of one verb, read from the attributes of its options class.</summary>
internal sealed class OptionTable
{
    private readonly Dictionary<string, Entry> _long = new(StringComparer.Ordinal);
    private readonly Dictionary<char, Entry> _short = [];

    private OptionTable([DynamicallyAccessedMembers(Verb.OptionMembers)] Type optionsType)
    {
        foreach (PropertyInfo property in optionsType.GetProperties())
        {
            if (property.GetCustomAttribute<OptionAttribute>() is OptionAttribute option)
            {
                bool takesValue = property.PropertyType != typeof(bool) && !option.FlagCounter;
                bool mayRepeat = option.FlagCounter || property.PropertyType == typeof(IEnumerable<string>);
                Entry entry = new(option.LongName, takesValue, mayRepeat);
                _long.Add(option.LongName, entry);
                if (option.ShortName.Length == 1)
                {
                    _short.Add(option.ShortName[0], entry);
                }
            }
            else if (property.GetCustomAttribute<ValueAttribute>() is not null)
            {
                PositionalCount = property.PropertyType == typeof(string) ? PositionalCount + 1 : int.MaxValue;
            }
        }

        _long.Add("help", new Entry("help", TakesValue: false, MayRepeat: true));
    }

    /// <summary>The long names without dashes, <c>help</c> included.</summary>
    internal IEnumerable<string> LongNames => _long.Keys;

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

    /// <summary>One option.</summary>
    /// <param name="Name">The long name without dashes.</param>
    /// <param name="TakesValue">Whether the next word belongs to it.</param>
    /// <param name="MayRepeat">Whether it may be given more than once.</param>
    internal sealed record Entry(string Name, bool TakesValue, bool MayRepeat);
}
