using System.Text.Json;
using System.Threading.Channels;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Tells every client what happens to the machine. Whoever tells waits for nobody: each client has a queue of bounded length, and
/// one that does not read loses what it did not read in time, the oldest first.</summary>
/// <remarks>Source of the names and members: QEMU, qapi/run-state.json.</remarks>
internal sealed class ControlEvents
{
    /// <summary>Events that a client may have waiting.</summary>
    internal const int QueueLength = 256;

    private readonly Lock _lock = new();
    private readonly List<Channel<ReadOnlyMemory<byte>>> _clients = [];
    private ulong _toldGeneration;

    /// <summary>Every event that there is, in the order of their names.</summary>
    internal static IReadOnlyList<string> Names { get; } =
        ["GUEST_PANICKED", "POWERDOWN", "RESET", "RESUME", "SHUTDOWN", "STOP", "x-kvmsev-map-changed"];

    /// <summary>Begins to tell a client.</summary>
    /// <returns>What it is told, one message each; complete when there is nothing more to tell.</returns>
    internal ChannelReader<ReadOnlyMemory<byte>> Subscribe()
    {
        Channel<ReadOnlyMemory<byte>> client = Channel.CreateBounded<ReadOnlyMemory<byte>>(
            new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            _clients.Add(client);
        }

        return client.Reader;
    }

    /// <summary>Tells a client nothing more.</summary>
    /// <param name="client">What <see cref="Subscribe"/> gave.</param>
    internal void Unsubscribe(ChannelReader<ReadOnlyMemory<byte>> client)
    {
        lock (_lock)
        {
            int index = _clients.FindIndex(known => known.Reader == client);
            _clients[index].Writer.TryComplete();
            _clients.RemoveAt(index);
        }
    }

    /// <summary>Nothing more happens: each client gets what it has waiting, and no more.</summary>
    internal void Complete()
    {
        lock (_lock)
        {
            foreach (Channel<ReadOnlyMemory<byte>> client in _clients)
            {
                client.Writer.TryComplete();
            }
        }
    }

    /// <summary>The guest runs, for the first time or again.</summary>
    internal void Resumed() => Tell("RESUME");

    /// <summary>The guest stands still.</summary>
    internal void Stopped() => Tell("STOP");

    /// <summary>The power button was pressed for a client.</summary>
    internal void PoweredDown() => Tell("POWERDOWN");

    /// <summary>The machine has ended.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="isResetByHost">Whether a client asked for the reset.</param>
    internal void Ended(StopReason reason, bool isResetByHost)
    {
        (string cause, bool isGuest) = QmpShutdown.CauseOf(reason, isResetByHost);
        if (reason == StopReason.GuestPanic)
        {
            Tell("GUEST_PANICKED", static json => json.WriteString("action"u8, "poweroff"));
        }

        if (reason == StopReason.Reset)
        {
            Tell("RESET", json => WriteCause(json, cause, isGuest));
        }

        Tell("SHUTDOWN", json =>
        {
            WriteCause(json, cause, isGuest);
            json.WriteString("x-kvmsev-reason"u8, StopReasonWords.WordFor(reason));
        });
    }

    /// <summary>Tells of a map that has changed since it was last told of; called now and then, never by a vCPU.</summary>
    /// <param name="tracker">The map.</param>
    internal void MapMayHaveChanged(SharedRegionTracker tracker)
    {
        ulong generation = tracker.Generation;
        if (generation == _toldGeneration)
        {
            return;
        }

        _toldGeneration = generation;
        PageTotals totals = tracker.Totals;
        Tell("x-kvmsev-map-changed", json =>
        {
            json.WriteNumber("generation"u8, generation);
            json.WriteNumber("private-pages"u8, totals.PrivatePages);
            json.WriteNumber("shared-pages"u8, totals.SharedPages);
            json.WriteNumber("unreported-pages"u8, totals.UnreportedPages);
        });
    }

    private static void WriteCause(Utf8JsonWriter json, string cause, bool isGuest)
    {
        json.WriteBoolean("guest"u8, isGuest);
        json.WriteString("reason"u8, cause);
    }

    private void Tell(string name, Action<Utf8JsonWriter>? writeData = null)
    {
        ReadOnlyMemory<byte> message = QmpMessages.Event(name, DateTimeOffset.UtcNow, writeData);
        lock (_lock)
        {
            foreach (Channel<ReadOnlyMemory<byte>> client in _clients)
            {
                client.Writer.TryWrite(message);
            }
        }
    }
}
