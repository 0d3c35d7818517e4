using System.Text;
using KvmSevVmm.Cli.Commands;

namespace KvmSevVmm.Cli.Tests;

/// <summary>Runs the program in this process, through the same entry as <c>Main</c>, with captured streams.</summary>
internal sealed class CliRunner
{
    // The log goes to Console.Error, which is one for the process: runs take turns.
    private static readonly Lock Turn = new();

    /// <summary>Environment variables of the run; nothing else is visible.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>The machine, if the run may start one.</summary>
    public IMachineRunner? Machine { get; init; }

    /// <summary>What the KVM device answers.</summary>
    public Func<string, int> KvmApiVersion { get; init; } = _ => throw new InvalidOperationException("not expected to be asked");

    /// <summary>What the terminal gives.</summary>
    public Func<IDisposable?> RawTerminal { get; init; } = () => null;

    /// <summary>Whether stderr is a terminal with colours.</summary>
    public bool UseColor { get; init; }

    /// <summary>Whether stdout is a terminal.</summary>
    public bool IsOutputTerminal { get; init; }

    /// <summary>Replaces the captured stdout.</summary>
    public Stream? Output { get; init; }

    /// <summary>Replaces the captured stderr for the program's own lines.</summary>
    public TextWriter? ErrorWriter { get; init; }

    /// <summary>Runs the program with defaults.</summary>
    public static CliResult Run(params string[] arguments) => new CliRunner().RunWith(arguments);

    /// <summary>Runs the program.</summary>
    public CliResult RunWith(params string[] arguments)
    {
        lock (Turn)
        {
            using MemoryStream output = new();
            using MemoryStream error = new();
            using StreamWriter errorWriter = new(error, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
            TextWriter realError = Console.Error;
            Console.SetError(errorWriter);
            try
            {
                int exitCode = Program.Run(arguments, new CliContext
                {
                    Output = Output ?? output,
                    Error = ErrorWriter ?? errorWriter,
                    ErrorBytes = error,
                    Environment = name => Environment.GetValueOrDefault(name),
                    MachineRunner = Machine,
                    EnterRawTerminal = RawTerminal,
                    ReadKvmApiVersion = KvmApiVersion,
                    UseColor = UseColor,
                    IsOutputTerminal = IsOutputTerminal,
                });
                byte[] bytes = output.ToArray();
                return new CliResult(exitCode, Encoding.UTF8.GetString(bytes), Encoding.UTF8.GetString(error.ToArray()), bytes);
            }
            finally
            {
                Console.SetError(realError);
            }
        }
    }
}
