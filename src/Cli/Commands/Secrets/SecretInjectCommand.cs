using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary><c>secret inject</c>: the last step of an owner who has seen the measurement.</summary>
internal static class SecretInjectCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<SecretInjectOptions>(
        "kvmsev secret inject --socket PATH --header FILE --secret FILE [OPTIONS]",
        """
        The machine was started with --wait-for-owner and has measured its launch. The
        packet was made for that very measurement; the firmware refuses any other, and
        the machine goes on waiting. Without --gpa the secret goes to the place that the
        guest has for it (--secret-page).

        Exit codes: 0 the secret is in, 1 the machine refuses it, others as for every
        verb.
        """,
        [
            new VerbExample(
                "Put the secret in and let the guest run:",
                "secret", "inject", "--socket", "guest.sock", "--header", "secret-header.bin", "--secret", "secret.bin", "--continue"),
        ],
        Execute);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static int Execute(SecretInjectOptions options, CliContext context)
    {
        EncodedBlob header = InputBlob.Read("--header", options.Header!, "packet header", TransportPacket.HeaderSize);
        EncodedBlob secret = EncodedBlob.DecodeAny(InputBlob.ReadContent("--secret", options.Secret!));
        ulong? target = options.Gpa is string text ? NumberValue.Parse("--gpa", text) : null;
        using ControlClient machine = ControlClient.Connect(options.Socket!, Patience);
        machine.Execute("sev-inject-launch-secret", json =>
        {
            json.WriteBase64String("packet-header"u8, header.Bytes);
            json.WriteBase64String("secret"u8, secret.Bytes);
            if (target is ulong gpa)
            {
                json.WriteNumber("gpa"u8, gpa);
            }
        });
        if (options.Continue)
        {
            machine.Execute("cont");
        }

        Report(options, context, header, secret);
        return ExitCode.Success;
    }

    private static void Report(SecretInjectOptions options, CliContext context, EncodedBlob header, EncodedBlob secret)
    {
        if (options.Json)
        {
            context.Write(JsonAnswer.Make("kvmsev.secret-inject/1", json =>
            {
                json.WriteNumber("secretBytes"u8, secret.Bytes.Length);
                json.WriteBoolean("continued"u8, options.Continue);
            }));
        }
        else if (!options.Quiet)
        {
            context.Error.WriteLine(
                $"kvmsev: the secret is in ({secret.Bytes.Length} bytes; header {header.EncodingName}, secret {secret.EncodingName})"
                + (options.Continue ? "; the launch goes on" : "; the guest still waits (QMP cont lets it run)"));
        }
    }
}
