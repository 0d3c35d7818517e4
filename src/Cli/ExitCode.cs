namespace KvmSevVmm.Cli;

/// <summary>The exit codes of <c>kvmsev</c>, as cloud monitors and sysexits.h use them.</summary>
public static class ExitCode
{
    /// <summary>Done; for <c>run</c>: the guest powered off or the console matched.</summary>
    public const int Success = 0;

    /// <summary>Ordinary negative answer: <c>map diff</c> found a difference, <c>doctor</c> no mode that can be run.</summary>
    public const int Failure = 1;

    /// <summary>The guest asked for a reset.</summary>
    public const int GuestReset = 32;

    /// <summary>The guest crashed: triple fault, internal error, failed entry.</summary>
    public const int GuestCrash = 33;

    /// <summary>The guest panicked and said so.</summary>
    public const int GuestPanic = 34;

    /// <summary><c>--timeout</c> ran out.</summary>
    public const int Timeout = 36;

    /// <summary>A SEV guest asked to be terminated.</summary>
    public const int SevTermination = 37;

    /// <summary>The command line is wrong (EX_USAGE).</summary>
    public const int Usage = 64;

    /// <summary>An input file is wrong (EX_DATAERR).</summary>
    public const int BadInput = 65;

    /// <summary>An input file cannot be opened (EX_NOINPUT).</summary>
    public const int NoInput = 66;

    /// <summary>The host lacks a feature (EX_UNAVAILABLE).</summary>
    public const int HostLacks = 69;

    /// <summary>A bug in kvmsev (EX_SOFTWARE).</summary>
    public const int InternalError = 70;

    /// <summary>Reading or writing failed (EX_IOERR).</summary>
    public const int IoError = 74;

    /// <summary>Permission denied (EX_NOPERM).</summary>
    public const int NoPermission = 77;

    /// <summary>Ended by SIGINT, after a clean teardown.</summary>
    public const int Interrupted = 130;

    /// <summary>The reader of stdout went away; what a shell reports of a program that SIGPIPE ended.</summary>
    public const int ClosedPipe = 141;

    /// <summary>Ended by SIGTERM, after a clean teardown.</summary>
    public const int Terminated = 143;
}
