namespace KvmSevVmm.Sev;

/// <summary>The library that does the cryptography is not installed on this machine.</summary>
public sealed class CryptoUnavailableException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="library">The library that could not be loaded.</param>
    /// <param name="hint">What to do about it, one sentence.</param>
    public CryptoUnavailableException(string library, string hint)
        : base($"{library} cannot be loaded: no cryptography on this machine. {hint}")
    {
        Library = library;
        Hint = hint;
    }

    /// <summary>The library that could not be loaded.</summary>
    public string Library { get; }

    /// <summary>What to do about it.</summary>
    public string Hint { get; }
}
