namespace KvmSevVmm.Sev;

/// <summary>A certificate, session, report or other SEV blob is not what it must be; the message names the field at fault.</summary>
public sealed class SevFormatException : Exception
{
    /// <summary>Makes the exception; its message is <c>input: field: problem</c>.</summary>
    /// <param name="input">The file or option at fault, as the user wrote it.</param>
    /// <param name="field">The field at fault, named as its specification names it.</param>
    /// <param name="problem">What is wrong with it, one clause without a full stop.</param>
    public SevFormatException(string input, string field, string problem)
        : this(input, field, problem, null)
    {
    }

    /// <summary>Makes the exception with its cause; its message is <c>input: field: problem</c>.</summary>
    /// <param name="input">The file or option at fault, as the user wrote it.</param>
    /// <param name="field">The field at fault, named as its specification names it.</param>
    /// <param name="problem">What is wrong with it, one clause without a full stop.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public SevFormatException(string input, string field, string problem, Exception? inner)
        : base($"{input}: {field}: {problem}", inner)
    {
        Input = input;
        Field = field;
        Problem = problem;
    }

    /// <summary>The file or option at fault.</summary>
    public string Input { get; }

    /// <summary>The field at fault.</summary>
    public string Field { get; }

    /// <summary>What is wrong with the field.</summary>
    public string Problem { get; }
}
