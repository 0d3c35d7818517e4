namespace KvmSevVmm.Cli.Parsing;

/// <summary>The words with which the value of an option or argument may begin; completion offers them.</summary>
/// <param name="words">The words; each stands in the option's help too.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ChoicesAttribute(params string[] words) : Attribute
{
    /// <summary>The words.</summary>
    public string[] Words { get; } = words;
}
