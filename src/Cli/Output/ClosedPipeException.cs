namespace KvmSevVmm.Cli.Output;

/// <summary>
/// The reader of stdout went away (EPIPE). Ends the program without a word, with the exit code of a program that SIGPIPE killed.
/// </summary>
internal sealed class ClosedPipeException : IOException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="inner">The failed write.</param>
    internal ClosedPipeException(IOException inner)
        : base("the reader of the standard output has gone away", inner)
    {
    }
}
