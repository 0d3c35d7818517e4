using CommandLine;

namespace KvmSevVmm.Cli.Parsing;

/// <summary>The options that every verb has.</summary>
internal abstract class CommonOptions
{
    /// <summary>Whether the answer is a JSON document on stdout.</summary>
    [Option("json", HelpText = "Print the answer as one JSON document on stdout.")]
    public bool Json { get; set; }

    /// <summary>How many times <c>-v</c> was given.</summary>
    [Option('v', "verbose", FlagCounter = true, HelpText = "Log what happens on stderr; twice: details and stack traces.")]
    public int Verbosity { get; set; }

    /// <summary>Whether only errors go to stderr.</summary>
    [Option('q', "quiet", HelpText = "Nothing but errors on stderr.")]
    public bool Quiet { get; set; }

    /// <summary>File that gets the log as JSON lines, or null.</summary>
    [Option("log-file", MetaValue = "FILE", HelpText = "Append the log to FILE as JSON lines (CLEF).")]
    public string? LogFile { get; set; }

    /// <summary>Refuses combinations that contradict each other.</summary>
    /// <exception cref="UsageException">They do.</exception>
    internal virtual void Validate()
    {
        if (Quiet && Verbosity > 0)
        {
            throw new UsageException("--quiet and --verbose contradict each other");
        }

        if (LogFile is { Length: 0 })
        {
            throw new UsageException("--log-file: the file name is empty");
        }
    }

    /// <summary>Refuses an option that is given in two spellings.</summary>
    /// <param name="first">The one, with dashes.</param>
    /// <param name="firstValue">What was given to it, or null.</param>
    /// <param name="second">The other, with dashes.</param>
    /// <param name="secondValue">What was given to it, or null.</param>
    /// <exception cref="UsageException">Both are given.</exception>
    protected static void RefuseBoth(string first, string? firstValue, string second, string? secondValue)
    {
        if (firstValue is not null && secondValue is not null)
        {
            throw new UsageException($"{first} and {second} are the same option; give one of them");
        }
    }
}
