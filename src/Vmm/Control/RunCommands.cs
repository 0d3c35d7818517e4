namespace KvmSevVmm.Vmm.Control;

/// <summary>Commands that ask whether the guest runs, and change it.</summary>
/// <remarks>Source: QEMU, qapi/run-state.json, qapi/misc.json, qapi/machine.json, qapi/control.json.</remarks>
/// <param name="machine">The machine.</param>
internal sealed class RunCommands(ControlledMachine machine)
{
    /// <summary>The command that ends the machine, once it is answered.</summary>
    internal const string Quit = "quit";

    /// <summary>Adds the commands.</summary>
    /// <param name="commands">Takes them.</param>
    internal void AddTo(ControlCommands commands)
    {
        commands.Add("query-status", WriteStatus);
        commands.Add("query-version", static () => QmpAnswer.Object(QmpMessages.WriteVersion));
        commands.Add("query-events", WriteEvents);
        commands.AddAsync("query-cpus-fast", WriteCpusAsync);
        commands.AddAsync("cont", arguments => DoAsync(arguments, machine.ContinueAsync));
        commands.AddAsync("stop", arguments => DoAsync(arguments, machine.PauseAsync));
        commands.AddAsync("system_powerdown", arguments => DoAsync(arguments, machine.PressPowerButtonAsync));
        commands.AddAsync("system_reset", arguments => DoAsync(arguments, machine.ResetAsync));
        commands.Add(Quit, static () => QmpAnswer.Empty);
    }

    private static async Task<QmpAnswer> DoAsync(QmpArguments arguments, Func<Task> work)
    {
        arguments.End();
        await work().ConfigureAwait(false);
        return QmpAnswer.Empty;
    }

    private static QmpAnswer WriteEvents() => QmpAnswer.Of(static json =>
    {
        json.WriteStartArray();
        foreach (string name in ControlEvents.Names)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private QmpAnswer WriteStatus() => QmpAnswer.Object(json =>
    {
        VmState state = machine.State;
        json.WriteString("status"u8, state.ToString().ToLowerInvariant());
        json.WriteBoolean("running"u8, state == VmState.Running);
    });

    private async Task<QmpAnswer> WriteCpusAsync(QmpArguments arguments)
    {
        arguments.End();
        IReadOnlyList<VcpuStatus> vcpus =
            await machine.UseAsync(static running => running.Observe().Vcpus).ConfigureAwait(false);
        return QmpAnswer.Of(json =>
        {
            json.WriteStartArray();
            foreach (VcpuStatus vcpu in vcpus)
            {
                json.WriteStartObject();
                json.WriteNumber("cpu-index"u8, vcpu.Index);
                json.WriteString("qom-path"u8, $"/machine/unattached/device[{vcpu.Index}]");
                json.WriteNumber("thread-id"u8, vcpu.ThreadId);
                json.WriteString("target"u8, "x86_64");
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }
}
