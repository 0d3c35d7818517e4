namespace KvmSevVmm.Vmm.Control;

/// <summary>The commands of the control socket by name: QEMU's, answered as QEMU does, and the monitor's own.</summary>
internal sealed class ControlCommands
{
    private readonly SortedDictionary<string, Func<QmpArguments, Task<QmpAnswer>>> _commands = new(StringComparer.Ordinal);

    /// <summary>Makes the commands on a machine.</summary>
    /// <param name="machine">The machine; outlives this object.</param>
    internal ControlCommands(ControlledMachine machine)
    {
        Add("query-commands", WriteCommands);
        new RunCommands(machine).AddTo(this);
        new SevControlCommands(machine).AddTo(this);
        new MapControlCommands(machine).AddTo(this);
        new StatusCommands(machine).AddTo(this);
    }

    /// <summary>Executes a command.</summary>
    /// <param name="request">The command.</param>
    /// <exception cref="QmpException">There is no such command, or it is refused.</exception>
    internal Task<QmpAnswer> ExecuteAsync(QmpRequest request) =>
        _commands.TryGetValue(request.Command, out Func<QmpArguments, Task<QmpAnswer>>? command)
            ? command(new QmpArguments(request.Arguments))
            : throw new QmpException(
                $"The command {QmpText.Shorten(request.Command)} has not been found", QmpErrorClass.CommandNotFound);

    /// <summary>Adds a command without arguments.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="answer">Answers it.</param>
    internal void Add(string name, Func<QmpAnswer> answer) => Add(name, arguments =>
    {
        arguments.End();
        return answer();
    });

    /// <summary>Adds a command that is answered at once.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="answer">Takes every argument that it knows, ends them and answers.</param>
    internal void Add(string name, Func<QmpArguments, QmpAnswer> answer) =>
        AddAsync(name, arguments => Task.FromResult(answer(arguments)));

    /// <summary>Adds a command that may have to wait.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="answer">Takes every argument that it knows, ends them and answers.</param>
    internal void AddAsync(string name, Func<QmpArguments, Task<QmpAnswer>> answer) => _commands.Add(name, answer);

    private QmpAnswer WriteCommands() => QmpAnswer.Of(json =>
    {
        json.WriteStartArray();
        foreach (string name in _commands.Keys.Append(ControlSession.Negotiation))
        {
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
