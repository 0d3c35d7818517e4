using System.Collections.Concurrent;
using System.Net.Sockets;
using Serilog;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// The control socket of a machine: QMP for several clients at once. For a client that is slow, silent or talks nonsense no vCPU waits, and
/// another client only for its turn at a long answer; its buffers are bounded.
/// </summary>
public sealed class ControlServer : IDisposable
{
    /// <summary>More clients at a time are turned away.</summary>
    internal const int MaximumClients = 1024;

    /// <summary>Answers that are streamed at a time: each may hold a snapshot of the map, for which the heap was checked.</summary>
    internal const int MaximumStreams = 2;

    /// <summary>The shortest time between two events of a map that changes.</summary>
    private static readonly TimeSpan MapEventPeriod = TimeSpan.FromMilliseconds(250);

    /// <summary>How long clients may take at the end to read what they have waiting.</summary>
    private static readonly TimeSpan TellLimit = TimeSpan.FromMilliseconds(500);

    /// <summary>How long sessions may take to end.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    /// <summary>How long to leave off accepting when the process has no descriptor left.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Task, ControlSession> _sessions = new();
    private readonly SemaphoreSlim _streams = new(MaximumStreams);
    private readonly ControlListener _listener;
    private readonly ControlCommands _commands;
    private readonly ControlledMachine _machine;
    private readonly ILogger _log;
    private readonly Task _accepting;
    private readonly Task _watchingMap;

    private ControlServer(ControlListener listener, ControlledMachine machine, ILogger log)
    {
        _listener = listener;
        _machine = machine;
        _commands = new ControlCommands(machine);
        _log = log;
        _accepting = Task.Run(AcceptAsync);
        _watchingMap = Task.Run(WatchMapAsync);
    }

    /// <summary>Listens at a path.</summary>
    /// <param name="path">The socket's path; a socket that a dead monitor left there is replaced.</param>
    /// <param name="machine">The machine; outlives the server.</param>
    /// <param name="log">The monitor's log.</param>
    /// <exception cref="InvalidInputException">There can be no socket at the path.</exception>
    /// <exception cref="IOException">Another program listens there, or the socket cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made there.</exception>
    public static ControlServer Start(string path, ControlledMachine machine, ILogger log) =>
        new(ControlListener.Open(path), machine, log);

    /// <summary>Ends every session and removes the socket; each client is told of the machine's end first.</summary>
    public void Dispose()
    {
        _machine.Events.Complete();
        _ = WaitForEnd(_sessions.Values.Select(static session => session.Told), TellLimit);
        _end.Cancel();
        _listener.Dispose();
        if (!WaitForEnd([_accepting, _watchingMap, .. _sessions.Keys], EndLimit))
        {
            _log.Warning("The control socket has sessions that do not end");
        }

        _end.Dispose();
        _streams.Dispose();
    }

    /// <summary>Whether an error only says that a client, or the server, has gone.</summary>
    /// <param name="error">The error.</param>
    internal static bool IsEnd(Exception error) => error is OperationCanceledException or SocketException or ObjectDisposedException
        or IOException { InnerException: SocketException or ObjectDisposedException };

    /// <summary>Waits for tasks however they end.</summary>
    /// <returns>False when the time ran out.</returns>
    private static bool WaitForEnd(IEnumerable<Task> tasks, TimeSpan timeout) => Task
        .WhenAll(tasks)
        .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)
        .Wait(timeout);

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                Socket client = await _listener.Socket.AcceptAsync(_end.Token).ConfigureAwait(false);
                if (_sessions.Count >= MaximumClients)
                {
                    client.Dispose();
                    continue;
                }

                Begin(client);
            }
            catch (Exception error) when (IsEnd(error))
            {
                if (!_end.IsCancellationRequested)
                {
                    _log.Warning("Control socket: {Problem}", error.Message);
                    await Task.Delay(Pause).ConfigureAwait(false);
                }
            }
        }
    }

    private void Begin(Socket client)
    {
        ControlSession session = new(client, _commands, _machine, _streams, _end.Token);
        Task serving = Task.Run(() => ServeAsync(client, session));
        _sessions.TryAdd(serving, session);
        _ = serving.ContinueWith(
            ended => _sessions.TryRemove(ended, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task WatchMapAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(MapEventPeriod, _end.Token).ConfigureAwait(false);
                await _machine.TellOfMapAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server ends.
        }
    }

    private async Task ServeAsync(Socket client, ControlSession session)
    {
        using (session)
        {
            try
            {
                using (client)
                {
                    await session.RunAsync().ConfigureAwait(false);
                }
            }
            catch (Exception error) when (IsEnd(error))
            {
                _log.Debug("Control socket: a client has gone: {Problem}", error.Message);
            }
#pragma warning disable CA1031 // A mistake in one session must not end the others, nor go unsaid.
            catch (Exception error)
#pragma warning restore CA1031
            {
                _log.Error(error, "Control socket: a session failed");
            }

            // With its socket gone, it is told nothing more.
            await session.Told.ConfigureAwait(false);
        }
    }
}
