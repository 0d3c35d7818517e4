using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Cli;

/// <summary>Entry point of <c>kvmsev</c>, and the only place where an exception becomes an exit code.</summary>
public static class Program
{
    private const string TraceVariable = "KVMSEV_TRACE";

    /// <summary>Runs one verb.</summary>
    /// <param name="args">The command line.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Main(string[] args)
    {
        StandardDescriptors.Fill();
        Stream errorBytes = StandardError.Open();
        TextWriter error = StandardError.OpenWriter(errorBytes);
        Console.SetError(error);
        CliContext context = new()
        {
            Output = new DescriptorStream(1, "the standard output"),
            Error = error,
            ErrorBytes = errorBytes,
            Environment = Environment.GetEnvironmentVariable,
            MachineRunner = new MachineRunner(),
            EnterRawTerminal = static () => TerminalMode.TryEnterRaw(0),
            ReadTerminalSize = static () => TerminalMode.ReadSize(1),
            ReadKvmApiVersion = ReadKvmApiVersion,
            IsErrorTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"),
            IsOutputTerminal = !Console.IsOutputRedirected,
            UseColor = !Console.IsErrorRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
                && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"),
        };

        // An exception that leaves a thread would end the process with SIGABRT (134) and a core dump.
        AppDomain.CurrentDomain.UnhandledException += (_, unhandled) =>
            Environment.Exit(Report((Exception)unhandled.ExceptionObject, context, withTrace: IsTraceWanted(context)));
        return Run(args, context);
    }

    /// <summary>Runs one verb with given surroundings.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="context">Streams and services.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    internal static int Run(string[] args, CliContext context)
    {
        bool withTrace = IsTraceWanted(context);
        try
        {
            switch (CommandLineReader.Read(args, Verbs.Root))
            {
                case ParsedCommand.Execution execution:
                    withTrace |= execution.Options.Verbosity >= 2;
                    execution.Options.Validate();
                    Serilog.Core.Logger log = Logging.Create(execution.Options, context.Error, context.UseColor);
                    try
                    {
                        context.Log = log;
                        return execution.Verb.Execute(execution.Options, context);
                    }
                    finally
                    {
                        Logging.Close(log);
                    }

                case ParsedCommand.VerbHelp help:
                    context.Write(HelpWriter.Write(help));
                    return ExitCode.Success;

                case ParsedCommand.GroupHelp help:
                    context.Write(HelpWriter.Write(help.Group));
                    return ExitCode.Success;

                default:
                    throw new InvalidOperationException("The command line asks for something that is not there.");
            }
        }
        catch (Exception error)
        {
            return Report(error, context, withTrace);
        }
    }

    private static bool IsTraceWanted(CliContext context) => context.Environment(TraceVariable) == "1";

    private static int Report(Exception error, CliContext context, bool withTrace)
    {
        ErrorReport report = ErrorReport.For(error);
        report.Write(context.Error, withTrace ? error : null);
        return report.ExitCode;
    }

    private static int ReadKvmApiVersion(string path)
    {
        using KvmDevice device = KvmDevice.Open(path);
        return device.ApiVersion;
    }
}
