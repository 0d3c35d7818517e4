namespace KvmSevVmm.Vmm;

/// <summary>A file or a value that the user gave is not what it must be. Ends the program with exit code 65.</summary>
public sealed class InvalidInputException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="source">The file or option at fault, as the user wrote it.</param>
    /// <param name="field">The field at fault, named as its specification names it.</param>
    /// <param name="problem">What is wrong with it, one clause without a full stop.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public InvalidInputException(string source, string field, string problem, Exception? inner = null)
        : base($"{source}: {field}: {problem}", inner)
    {
        Input = source;
        Field = field;
    }

    /// <summary>The file or option at fault.</summary>
    public string Input { get; }

    /// <summary>The field at fault.</summary>
    public string Field { get; }
}
