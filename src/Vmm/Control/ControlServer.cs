using System.Collections.Concurrent;
using System.Net.Sockets;
using Serilog;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// The control socket of a machine: QMP for several clients at once. A client that is slow, silent or talks nonsense holds up itself alone:
/// no vCPU and no other client waits for it, and its buffers are bounded.
/// </summary>
public sealed class ControlServer : IDisposable
{
    /// <summary>More clients at a time are turned away.</summary>
    internal const int MaximumClients = 1024;

    /// <summary>How long sessions may take to end.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    /// <summary>How long to leave off accepting when the process has no descriptor left.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Task, bool> _sessions = new();
    private readonly ControlListener _listener;
    private readonly ControlCommands _commands;
    private readonly ControlledMachine _machine;
    private readonly ILogger _log;
    private readonly Task _accepting;

    private ControlServer(ControlListener listener, ControlledMachine machine, ILogger log)
    {
        _listener = listener;
        _machine = machine;
        _commands = new ControlCommands(machine);
        _log = log;
        _accepting = Task.Run(AcceptAsync);
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

    /// <summary>Ends every session and removes the socket.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        if (!Task.WaitAll([_accepting, .. _sessions.Keys], EndLimit))
        {
            _log.Warning("The control socket has sessions that do not end");
        }

        _end.Dispose();
    }

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
        Task session = Task.Run(() => ServeAsync(client));
        _sessions.TryAdd(session, true);
        _ = session.ContinueWith(
            ended => _sessions.TryRemove(ended, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task ServeAsync(Socket client)
    {
        using (client)
        {
            try
            {
                await new ControlSession(client, _commands, _machine.Quit).RunAsync(_end.Token).ConfigureAwait(false);
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
        }
    }

    private static bool IsEnd(Exception error) => error is OperationCanceledException or SocketException or ObjectDisposedException;
}
