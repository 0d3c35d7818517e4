namespace KvmSevVmm.KvmNative.Abi;

/// <summary>How the members of an enum or a constant class are named in C: a prefix, the member's name, a suffix.</summary>
/// <remarks>
/// Read only by the layout test. <c>UserMemory2</c> with the prefix <c>KVM_CAP_</c> stands for <c>KVM_CAP_USER_MEMORY2</c>; where that
/// does not give the C name, the member carries a <see cref="CNameAttribute"/>. A member called None is 0 and has no C name.
/// </remarks>
[AttributeUsage(AttributeTargets.Enum | AttributeTargets.Class)]
public sealed class CConstantsAttribute : Attribute
{
    /// <summary>Gives the prefix and the suffix.</summary>
    /// <param name="prefix">What stands before the member's name in C.</param>
    /// <param name="suffix">What stands after it.</param>
    public CConstantsAttribute(string prefix, string suffix = "")
    {
        Prefix = prefix;
        Suffix = suffix;
    }

    /// <summary>What stands before the member's name in C.</summary>
    public string Prefix { get; }

    /// <summary>What stands after the member's name in C.</summary>
    public string Suffix { get; }
}
