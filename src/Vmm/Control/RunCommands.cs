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
        commands.Add("query-cpus-fast", WriteCpus);
        commands.AddAsync("cont", ContinueAsync);
        commands.Add("stop", () => Do(machine.Pause));
        commands.Add("system_powerdown", () => Do(() => machine.Use(static running =>
        {
            running.PressPowerButton();
            return true;
        })));
        commands.Add("system_reset", () => Do(machine.Reset));
        commands.Add(Quit, static () => QmpAnswer.Empty);
    }

    private static QmpAnswer Do(Action work)
    {
        work();
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

    private async Task<QmpAnswer> ContinueAsync(QmpArguments arguments)
    {
        arguments.End();
        await machine.ContinueAsync().ConfigureAwait(false);
        return QmpAnswer.Empty;
    }

    private QmpAnswer WriteStatus() => QmpAnswer.Object(json =>
    {
        VmState state = machine.State;
        json.WriteString("status"u8, state.ToString().ToLowerInvariant());
        json.WriteBoolean("running"u8, state == VmState.Running);
    });

    private QmpAnswer WriteCpus()
    {
        IReadOnlyList<VcpuStatus> vcpus = machine.Use(static running => running.Observe().Vcpus);
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
