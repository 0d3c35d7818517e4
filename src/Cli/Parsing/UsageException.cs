namespace KvmSevVmm.Cli.Parsing;

/// <summary>
/// The command line itself is wrong: an unknown word, a value that cannot be read, options that contradict each other. Ends the program
/// with exit code 64.
/// </summary>
internal sealed class UsageException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="problem">What is wrong, naming the option or verb at fault; one clause without a full stop.</param>
    /// <param name="hint">What to write instead, or null.</param>
    internal UsageException(string problem, string? hint = null)
        : base(problem)
    {
        Hint = hint;
    }

    /// <summary>What to write instead, or null.</summary>
    internal string? Hint { get; }
}
