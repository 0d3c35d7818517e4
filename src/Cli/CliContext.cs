using System.Diagnostics;
using System.Text;
using KvmSevVmm.Cli.Commands;
using Serilog;

namespace KvmSevVmm.Cli;

/// <summary>What one run of the program gets from outside: streams, environment, and the machine that runs guests.</summary>
internal sealed class CliContext
{
    private static readonly string[] LocaleVariables = ["LC_ALL", "LC_CTYPE", "LANG"];

    /// <summary>Takes data. Unbuffered; throws <see cref="Output.ClosedPipeException"/> when its reader has gone.</summary>
    internal required Stream Output { get; init; }

    /// <summary>Takes words for people.</summary>
    internal required TextWriter Error { get; init; }

    /// <summary>The same destination as <see cref="Error"/>, for bytes.</summary>
    internal required Stream ErrorBytes { get; init; }

    /// <summary>Looks up an environment variable.</summary>
    internal required Func<string, string?> Environment { get; init; }

    /// <summary>Runs guests.</summary>
    internal required IMachineRunner? MachineRunner { get; init; }

    /// <summary>Sends the keys of the terminal on stdin to the guest until disposed; gives null when there is no terminal.</summary>
    internal required Func<IDisposable?> EnterRawTerminal { get; init; }

    /// <summary>Columns and rows of the terminal on stdout; null when there is none.</summary>
    internal Func<(ushort Columns, ushort Rows)?> ReadTerminalSize { get; init; } = static () => null;

    /// <summary>Opens a KVM device and asks for its API version.</summary>
    internal required Func<string, int> ReadKvmApiVersion { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that wants colours.</summary>
    internal bool UseColor { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal, on which a line may be written over.</summary>
    internal bool IsErrorTerminal { get; init; }

    /// <summary>The clock of what is shown while something takes long.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether <see cref="Output"/> is a terminal.</summary>
    internal bool IsOutputTerminal { get; init; }

    /// <summary>Whether <see cref="Output"/> is a terminal that wants colours.</summary>
    internal bool UseOutputColor =>
        IsOutputTerminal && string.IsNullOrEmpty(Environment("NO_COLOR")) && Environment("TERM") is not (null or "dumb");

    /// <summary>Whether the locale's character set is UTF-8.</summary>
    internal bool UseUnicode =>
        LocaleVariables.Select(Environment).FirstOrDefault(static value => !string.IsNullOrEmpty(value)) is string locale
        && (locale.Contains("utf-8", StringComparison.OrdinalIgnoreCase) || locale.Contains("utf8", StringComparison.OrdinalIgnoreCase));

    /// <summary>The program's entry, as <see cref="Stopwatch.GetTimestamp"/>: the zero of every time that is reported.</summary>
    internal long StartTimestamp { get; init; } = Stopwatch.GetTimestamp();

    /// <summary>The same moment on the wall clock, UTC.</summary>
    internal DateTimeOffset StartedAt { get; init; } = DateTimeOffset.UtcNow;

    /// <summary>The log of this run; set once the options are known.</summary>
    internal ILogger Log { get; set; } = Serilog.Core.Logger.None;

    /// <summary>Writes text to <see cref="Output"/>.</summary>
    /// <param name="text">Text with <c>\n</c> line ends.</param>
    internal void Write(string text) => Output.Write(Encoding.UTF8.GetBytes(text));
}
