using System.Text.Json;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The map of a guest that runs, by its control socket.</summary>
internal sealed class LiveMap : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ControlClient _machine;
    private readonly string _socket;

    private LiveMap(ControlClient machine, string socket)
    {
        _machine = machine;
        _socket = socket;
    }

    /// <summary>Connects to a machine.</summary>
    /// <param name="socket">Its <c>--api-socket</c>.</param>
    /// <exception cref="FileNotFoundException">There is no socket.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be used.</exception>
    /// <exception cref="IOException">Nobody listens there, or does not speak QMP.</exception>
    internal static LiveMap Connect(string socket) => new(ControlClient.Connect(socket, Patience), socket);

    /// <summary>Reads the map of a moment.</summary>
    /// <param name="socket">The machine's <c>--api-socket</c>.</param>
    /// <exception cref="QmpException">The guest does not run.</exception>
    /// <exception cref="IOException">The machine is gone, or does not answer.</exception>
    internal static SharedRegionMap Read(string socket)
    {
        using LiveMap live = Connect(socket);
        return live.Read();
    }

    /// <summary>Reads the map of this moment. It is read as it arrives: the document itself is never held.</summary>
    /// <exception cref="QmpException">The guest does not run.</exception>
    /// <exception cref="IOException">The machine is gone, or does not answer.</exception>
    internal SharedRegionMap Read()
    {
        using Stream answer = _machine.ExecuteLong("x-kvmsev-query-map");
        return SharedRegionMapJson.Read(answer, _socket);
    }

    /// <summary>Asks since when a page has the state that a map shows.</summary>
    /// <param name="gpa">An address of the page.</param>
    /// <param name="map">The map; a call that came after it is not of its page.</param>
    /// <returns>The call that gave it its state, or null where no call is known.</returns>
    /// <exception cref="QmpException">The guest does not run.</exception>
    /// <exception cref="IOException">The machine is gone, or does not answer.</exception>
    internal PageCall? FindCall(Gpa gpa, SharedRegionMap map)
    {
        JsonElement page = _machine.Execute("x-kvmsev-query-page", json => json.WriteString("gpa"u8, gpa.ToString()));
        if (!page.TryGetProperty("since", out JsonElement since))
        {
            return null;
        }

        PageCall call = new(
            since.GetProperty("generation").GetUInt64(), since.GetProperty("t").GetDecimal(), since.GetProperty("vcpu").GetInt32());
        return call.Generation <= map.Generation ? call : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _machine.Dispose();
}
