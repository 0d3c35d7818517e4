using System.Buffers;
using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>The commands of the control socket, named and answered as QEMU does.</summary>
/// <remarks>Source: QEMU, qapi/misc-i386.json, qapi/run-state.json, qapi/control.json.</remarks>
internal sealed class ControlCommands
{
    private static readonly byte[] Nothing = "{}"u8.ToArray();

    private readonly ControlledMachine _machine;
    private readonly SortedDictionary<string, Func<QmpArguments, Task<ReadOnlyMemory<byte>>>> _commands;

    /// <summary>Makes the commands on a machine.</summary>
    /// <param name="machine">The machine; outlives this object.</param>
    internal ControlCommands(ControlledMachine machine)
    {
        _machine = machine;
        _commands = new(StringComparer.Ordinal)
        {
            ["cont"] = ContinueAsync,
            ["query-commands"] = arguments => Answer(arguments, WriteCommands),
            ["query-sev"] = arguments => Answer(arguments, WriteSev),
            ["query-sev-launch-measure"] = arguments => Answer(arguments, WriteMeasurement),
            ["query-status"] = arguments => Answer(arguments, WriteStatus),
            ["query-version"] = arguments => Answer(arguments, WriteVersion),
            [Quit] = arguments => Answer(arguments, static json => json.WriteRawValue(Nothing)),
            ["sev-inject-launch-secret"] = InjectSecretAsync,
            ["system_powerdown"] = arguments => Answer(arguments, json =>
            {
                _machine.PressPowerButton();
                json.WriteRawValue(Nothing);
            }),
        };
    }

    /// <summary>The command that ends the machine, once it is answered.</summary>
    internal static string Quit => "quit";

    /// <summary>Executes a command.</summary>
    /// <param name="request">The command.</param>
    /// <returns>The answer as JSON.</returns>
    /// <exception cref="QmpException">There is no such command, or it is refused.</exception>
    internal Task<ReadOnlyMemory<byte>> ExecuteAsync(QmpRequest request) =>
        _commands.TryGetValue(request.Command, out Func<QmpArguments, Task<ReadOnlyMemory<byte>>>? command)
            ? command(new QmpArguments(request.Arguments))
            : throw new QmpException(
                $"The command {QmpText.Shorten(request.Command)} has not been found", QmpErrorClass.CommandNotFound);

    private static Task<ReadOnlyMemory<byte>> Answer(QmpArguments arguments, Action<Utf8JsonWriter> write)
    {
        arguments.End();
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            write(json);
        }

        return Task.FromResult(buffer.WrittenMemory);
    }

    private static void WriteVersion(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        QmpMessages.WriteVersion(json);
        json.WriteEndObject();
    }

    private void WriteCommands(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (string name in _commands.Keys.Append(ControlSession.Negotiation))
        {
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void WriteStatus(Utf8JsonWriter json)
    {
        VmState state = _machine.State;
        json.WriteStartObject();
        json.WriteString("status"u8, state switch
        {
            VmState.Running => "running",
            VmState.Shutdown => "shutdown",
            _ => "prelaunch",
        });
        json.WriteBoolean("running"u8, state == VmState.Running);
        json.WriteEndObject();
    }

    private void WriteSev(Utf8JsonWriter json)
    {
        if (_machine.IsSnp)
        {
            WriteSnp(json);
            return;
        }

        MeasuredLaunch? launch = _machine.Launch;
        json.WriteStartObject();
        json.WriteBoolean("enabled"u8, _machine.Mode != SevMode.None);
        json.WriteNumber("api-major"u8, launch?.Firmware.ApiMajor ?? 0);
        json.WriteNumber("api-minor"u8, launch?.Firmware.ApiMinor ?? 0);
        json.WriteNumber("build-id"u8, launch?.Firmware.Build ?? 0);
        json.WriteString("state"u8, launch is null ? "uninit" : _machine.State == VmState.Prelaunch ? "launch-secret" : "running");
        json.WriteString("sev-type"u8, "sev");
        json.WriteNumber("policy"u8, launch?.Result.Policy.Value ?? 0);
        json.WriteNumber("handle"u8, launch?.Result.Handle ?? 0);
        json.WriteBoolean("x-kvmsev-simulated"u8, _machine.Mode == SevMode.Simulated);
        json.WriteEndObject();
    }

    private void WriteSnp(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteBoolean("enabled"u8, true);
        json.WriteNumber("api-major"u8, _machine.SnpLaunch?.Firmware.ApiMajor ?? 0);
        json.WriteNumber("api-minor"u8, _machine.SnpLaunch?.Firmware.ApiMinor ?? 0);
        json.WriteNumber("build-id"u8, _machine.SnpLaunch?.Firmware.Build ?? 0);
        json.WriteString("state"u8, _machine.SnpLaunch is null ? "uninit" : "running");
        json.WriteString("sev-type"u8, "sev-snp");
        json.WriteNumber("snp-policy"u8, _machine.SnpLaunch?.Launch.Policy.Value ?? 0);
        json.WriteBoolean("x-kvmsev-simulated"u8, _machine.Mode == SevMode.Simulated);
        if (_machine.SnpLaunch is { } launched)
        {
            // QEMU does not tell it; the firmware tells it to the guest alone.
            json.WriteString("x-kvmsev-launch-digest"u8, Convert.ToHexStringLower(launched.Launch.Digest.Span));
        }

        json.WriteEndObject();
    }

    private void WriteMeasurement(Utf8JsonWriter json)
    {
        if (_machine.IsSnp)
        {
            throw new QmpException(
                "SEV launch measurement is not available: the firmware gives the host none of a SEV-SNP guest; query-sev has the launch "
                + "digest that was computed here (x-kvmsev-launch-digest)");
        }

        MeasuredLaunch launch = _machine.Launch ?? throw new QmpException(
            _machine.Mode == SevMode.None ? "SEV is not enabled" : "SEV launch measurement is not available yet");
        json.WriteStartObject();
        json.WriteString("data"u8, launch.Result.Measurement.ToString());
        json.WriteEndObject();
    }

    private async Task<ReadOnlyMemory<byte>> ContinueAsync(QmpArguments arguments)
    {
        arguments.End();
        await _machine.ContinueAsync().ConfigureAwait(false);
        return Nothing;
    }

    private async Task<ReadOnlyMemory<byte>> InjectSecretAsync(QmpArguments arguments)
    {
        byte[] header = arguments.RequireBase64("packet-header");
        byte[] secret = arguments.RequireBase64("secret");
        ulong? target = arguments.OptionalNumber("gpa");
        arguments.End();
        TransportPacket packet = TransportPacket.Parse(header, secret, "sev-inject-launch-secret");
        await _machine.InjectSecretAsync(packet, target is ulong gpa ? new Gpa(gpa) : null).ConfigureAwait(false);
        return Nothing;
    }
}
