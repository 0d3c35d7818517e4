using KvmSevVmm.Cli.Commands;
using Serilog;

namespace KvmSevVmm.Cli;

/// <summary>What one run of the program gets from outside: streams, environment, and the machine that runs guests.</summary>
internal sealed class CliContext
{
    /// <summary>Takes data. Unbuffered; throws <see cref="Output.ClosedPipeException"/> when its reader has gone.</summary>
    internal required Stream Output { get; init; }

    /// <summary>Takes words for people.</summary>
    internal required TextWriter Error { get; init; }

    /// <summary>Looks up an environment variable.</summary>
    internal required Func<string, string?> Environment { get; init; }

    /// <summary>Runs guests.</summary>
    internal required IMachineRunner MachineRunner { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that may be sent colours.</summary>
    internal bool UseColor { get; init; }

    /// <summary>The log of this run; set once the options are known.</summary>
    internal ILogger Log { get; set; } = Serilog.Core.Logger.None;
}
