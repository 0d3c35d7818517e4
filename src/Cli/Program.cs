namespace KvmSevVmm.Cli;

/// <summary>Entry point of <c>kvmsev</c>.</summary>
public static class Program
{
    /// <summary>Runs one verb.</summary>
    /// <param name="args">The command line.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Main(string[] args)
    {
        Console.Error.WriteLine($"kvmsev: unknown verb '{(args.Length == 0 ? string.Empty : args[0])}'");
        return ExitCode.Usage;
    }
}
