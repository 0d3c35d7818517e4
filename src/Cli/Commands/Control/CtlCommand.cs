using System.Runtime.InteropServices;
using System.Text.Json;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Metrics;

namespace KvmSevVmm.Cli.Commands.Control;

/// <summary><c>ctl</c>: one command to a running machine, or all that it tells.</summary>
internal static class CtlCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<CtlOptions>(
        "kvmsev ctl --socket PATH COMMAND [ARGUMENTS] [OPTIONS]",
        """
        Sends COMMAND to the machine whose --api-socket is PATH and prints the answer.
        Short words:

          status      does it run?               query-status
          stop, cont  stand still, go on         stop, cont
          powerdown   press the power button     system_powerdown
          reset       end it as a reset (32)     system_reset
          quit        end it (0)                 quit
          cpus        threads of its vCPUs       query-cpus-fast
          sev         its launch                 query-sev
          map         what is private, shared    x-kvmsev-query-map
          page        the same of one address    x-kvmsev-query-page
          journal     calls that changed it      x-kvmsev-query-journal
          exits       exits, by vCPU and kind    x-kvmsev-query-exits
          guard       accesses refused           x-kvmsev-query-guard
          migratable  what stands in the way     x-kvmsev-query-migratable
          metrics     all that is counted        x-kvmsev-metrics
          commands    all that there are         query-commands

        'events' prints what the machine tells, one JSON object a line, until it ends
        or Ctrl-C. Any other COMMAND goes to the machine as it is. With --json the
        answer is the member 'return' of a document.

        Exit codes: 0 done, 1 the machine refuses, others as for every verb.
        """,
        [
            new VerbExample("Does it run?", "ctl", "--socket", "guest.sock", "status"),
            new VerbExample("Is this page shared, and since when?", "ctl", "--socket", "guest.sock", "page", "--arg", "gpa=0x1f000"),
            new VerbExample("What has changed since generation 600?", "ctl", "--socket", "guest.sock", "journal", "{\"since\": 600}"),
            new VerbExample(
                "Everything that is counted, for Prometheus:", "ctl", "--socket", "guest.sock", "metrics", "--format", "prometheus"),
            new VerbExample("Watch it:", "ctl", "--socket", "guest.sock", "events"),
            new VerbExample("Switch it off:", "ctl", "--socket", "guest.sock", "powerdown"),
        ],
        Execute);

    private const string EndEvent = "SHUTDOWN";

    private static int Execute(CtlOptions options, CliContext context)
    {
        IReadOnlyDictionary<string, JsonElement> arguments = CtlArguments.Parse(options.Arguments, options.Arg);
        using ControlClient machine = ControlClient.Connect(options.Socket!, DurationValue.Parse("--timeout", options.Timeout));
        if (options.Command == CtlWords.Events)
        {
            WriteEvents(machine, options.Socket!, context);
            return ExitCode.Success;
        }

        string command = CtlWords.CommandOf(options.Command!);
        Action<Utf8JsonWriter>? write = arguments.Count == 0 ? null : json =>
        {
            foreach ((string name, JsonElement value) in arguments)
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
        };
        if (options.IsPrometheus)
        {
            context.Write(PrometheusText.Format(MetricsAnswer.Read(machine.Execute(command, write))));
        }
        else
        {
            WriteAnswer(options, command, machine.ExecuteLong(command, write), context);
        }

        return ExitCode.Success;
    }

    private static void WriteAnswer(CtlOptions options, string command, Stream answer, CliContext context)
    {
        using (Utf8JsonWriter json = new(context.Output, CliJsonContext.ReadableWriter))
        {
            if (options.Json)
            {
                json.WriteStartObject();
                json.WriteString("schema"u8, "kvmsev.ctl/1"u8);
                json.WriteString("command"u8, command);
                json.WritePropertyName("return"u8);
            }

            JsonCopy.Copy(answer, options.Socket!, json);
            if (options.Json)
            {
                json.WriteEndObject();
            }
        }

        context.Output.Write("\n"u8);
    }

    private static void WriteEvents(ControlClient machine, string socket, CliContext context)
    {
        bool isInterrupted = false;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
        {
            signal.Cancel = true;
            Volatile.Write(ref isInterrupted, true);
            machine.Close();
        });
        bool hasEnded = false;
        while (machine.ReadEvent() is JsonElement happened)
        {
            context.Write(happened.GetRawText() + "\n");
            hasEnded |= happened.GetProperty("event").ValueEquals(EndEvent);
        }

        if (!hasEnded && !Volatile.Read(ref isInterrupted))
        {
            throw new IOException($"{socket}: the machine has gone without a word of its end");
        }
    }
}
