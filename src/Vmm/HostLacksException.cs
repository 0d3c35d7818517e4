namespace KvmSevVmm.Vmm;

/// <summary>The host does not offer what the configuration needs. Ends the program with exit code 69.</summary>
public sealed class HostLacksException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="missing">What is missing, one sentence.</param>
    /// <param name="hint">What to try, one sentence.</param>
    public HostLacksException(string missing, string hint)
        : base(missing)
    {
        Hint = hint;
    }

    /// <summary>What to try.</summary>
    public string Hint { get; }
}
