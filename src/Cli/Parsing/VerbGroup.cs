namespace KvmSevVmm.Cli.Parsing;

/// <summary>Verbs that one word introduces (<c>map</c>), or those that stand alone.</summary>
/// <param name="Name">The word, or null for the verbs that stand alone.</param>
/// <param name="Summary">What they do, one line.</param>
/// <param name="Verbs">The verbs, in the order of the help.</param>
/// <param name="Groups">Groups that a further word of this one introduces.</param>
internal sealed record VerbGroup(string? Name, string Summary, IReadOnlyList<Verb> Verbs, IReadOnlyList<VerbGroup> Groups)
{
    /// <summary>Every word that may follow <see cref="Name"/>.</summary>
    internal IEnumerable<string> Words => Verbs.Select(verb => verb.Name).Concat(Groups.Select(group => group.Name!));

    /// <summary><c>kvmsev</c> or <c>kvmsev map</c>.</summary>
    internal string CommandPrefix => Name is null ? "kvmsev" : $"kvmsev {Name}";
}
