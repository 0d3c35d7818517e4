using System.Net.Sockets;
using System.Text.Json;
using System.Threading.Channels;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// One client of the control socket: reads a command, answers it, reads the next. Events go out before the answer to a command that made
/// them, or when they happen. Its memory is bounded by its buffers.
/// </summary>
internal sealed class ControlSession : IDisposable
{
    /// <summary>The command that every session begins with.</summary>
    internal const string Negotiation = "qmp_capabilities";

    private const int ReadSize = 2 << 10;

    /// <summary>How long a client may take to read an answer that is streamed, which holds what is written for it.</summary>
    private static readonly TimeSpan StreamLimit = TimeSpan.FromSeconds(60);

    /// <summary>How long a client waits for others that read streams.</summary>
    private static readonly TimeSpan StreamPatience = TimeSpan.FromSeconds(20);

    /// <summary>How long a client may take to negotiate; one that was connected and forgotten must not keep others out.</summary>
    private static readonly TimeSpan NegotiationLimit = TimeSpan.FromMinutes(5);

    /// <summary>How long quit waits for its answer to be taken.</summary>
    private static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(1);

    private readonly Socket _socket;
    private readonly ControlCommands _commands;
    private readonly ControlledMachine _machine;
    private readonly SemaphoreSlim _streams;
    private readonly CancellationTokenSource _end;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly JsonValueSplitter _splitter = new();
    private readonly TaskCompletionSource _hasAnswered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChannelReader<ReadOnlyMemory<byte>>? _events;

    /// <summary>Begins a session.</summary>
    /// <param name="socket">The client; stays the caller's.</param>
    /// <param name="commands">What it may execute.</param>
    /// <param name="machine">What it is about.</param>
    /// <param name="streams">Bounds the answers that are streamed at a time, over all sessions.</param>
    /// <param name="end">Ends the session.</param>
    internal ControlSession(
        Socket socket, ControlCommands commands, ControlledMachine machine, SemaphoreSlim streams, CancellationToken end)
    {
        _end = CancellationTokenSource.CreateLinkedTokenSource(end);
        _socket = socket;
        _commands = commands;
        _machine = machine;
        _streams = streams;
    }

    /// <summary>Ends when the client was told the last event, or is told none at all.</summary>
    internal Task Told { get; private set; } = Task.CompletedTask;

    /// <summary>Serves the client until it goes, or the session is ended, or it has not negotiated in time.</summary>
    internal async Task RunAsync()
    {
        try
        {
            _end.CancelAfter(NegotiationLimit);
            await SendAsync(QmpMessages.Greeting(), _end.Token).ConfigureAwait(false);
            byte[] buffer = new byte[ReadSize];
            while (await _socket.ReceiveAsync(buffer.AsMemory(), _end.Token).ConfigureAwait(false) is > 0 and int length)
            {
                await TakeAsync(buffer.AsMemory(0, length), _end.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            if (_events is not null)
            {
                _machine.Events.Unsubscribe(_events);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sending.Dispose();
        _end.Dispose();
    }

    private async Task TakeAsync(ReadOnlyMemory<byte> input, CancellationToken token)
    {
        while (TryTake(ref input, out ReadOnlyMemory<byte> message, out ReadOnlyMemory<byte> refusal))
        {
            if (refusal.IsEmpty)
            {
                await AnswerAsync(message, token).ConfigureAwait(false);
            }
            else
            {
                await SendAsync(refusal, token).ConfigureAwait(false);
            }
        }
    }

    private bool TryTake(ref ReadOnlyMemory<byte> input, out ReadOnlyMemory<byte> message, out ReadOnlyMemory<byte> refusal)
    {
        refusal = default;
        message = default;
        ReadOnlySpan<byte> rest = input.Span;
        try
        {
            return _splitter.TryTake(ref rest, out message);
        }
        catch (QmpException error)
        {
            refusal = QmpMessages.Error(null, error.ErrorClass, error.Message);
            return true;
        }
        finally
        {
            input = input[^rest.Length..];
        }
    }

    private async Task AnswerAsync(ReadOnlyMemory<byte> message, CancellationToken token)
    {
        JsonElement? id = null;
        ReadOnlyMemory<byte> refusal;
        try
        {
            QmpRequest request = QmpRequest.Parse(message, out id);
            CheckTurn(request);
            if (request.Command == Negotiation)
            {
                await BeginTellingAsync(QmpMessages.Return(id, QmpAnswer.Empty.Value), token).ConfigureAwait(false);
                return;
            }

            QmpAnswer answer = await _commands.ExecuteAsync(request).ConfigureAwait(false);
            if (answer.Prepare is { } prepare)
            {
                await StreamAsync(id, prepare, token).ConfigureAwait(false);
                return;
            }

            if (request.Command == RunCommands.Quit)
            {
                await AnswerQuitAsync(QmpMessages.Return(id, answer.Value), token).ConfigureAwait(false);
                return;
            }

            await SendAsync(QmpMessages.Return(id, answer.Value), token).ConfigureAwait(false);
            return;
        }
        catch (QmpException refused)
        {
            refusal = QmpMessages.Error(id, refused.ErrorClass, refused.Message);
        }
        catch (Exception refused) when (refused
            is SevCommandFailedException or InvalidInputException or SevFormatException or KvmException)
        {
            refusal = QmpMessages.Error(id, QmpErrorClass.GenericError, refused.Message);
        }

        await SendAsync(refusal, token).ConfigureAwait(false);
    }

    /// <summary>Ends the machine when the client has its answer; one that does not read it has no longer than a moment.</summary>
    private async Task AnswerQuitAsync(ReadOnlyMemory<byte> answer, CancellationToken token)
    {
        try
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(token);
            limit.CancelAfter(QuitLimit);
            await SendAsync(answer, limit.Token).ConfigureAwait(false);
        }
        finally
        {
            _machine.Quit();
        }
    }

    /// <summary>Refuses what comes before the negotiation, a second negotiation, and one for what is not offered.</summary>
    private void CheckTurn(QmpRequest request)
    {
        bool isNegotiation = request.Command == Negotiation;
        if (isNegotiation == _events is not null)
        {
            throw new QmpException(
                isNegotiation
                    ? "Capabilities negotiation is already complete, command ignored"
                    : $"Expecting capabilities negotiation with '{Negotiation}'",
                QmpErrorClass.CommandNotFound);
        }

        if (isNegotiation)
        {
            QmpArguments arguments = new(request.Arguments);
            arguments.RefuseItems("enable", static name => $"Capability {name} not available");
            arguments.End();
        }
    }

    /// <summary>Subscribes a client that negotiates, then answers it: no event is lost meanwhile, and none precedes the answer, since
    /// <c>_events</c> is null until then. It is set also when the client is gone, so that <see cref="RunAsync"/> unsubscribes it.</summary>
    private async Task BeginTellingAsync(ReadOnlyMemory<byte> answer, CancellationToken token)
    {
        ChannelReader<ReadOnlyMemory<byte>> events = _machine.Events.Subscribe();
        Told = TellAsync(events, token);
        try
        {
            await SendAsync(answer, token).ConfigureAwait(false);

            // Negotiated: the limit no longer holds.
            _end.CancelAfter(Timeout.InfiniteTimeSpan);
        }
        finally
        {
            _events = events;
            _hasAnswered.SetResult();
        }
    }

    private async Task TellAsync(ChannelReader<ReadOnlyMemory<byte>> events, CancellationToken token)
    {
        try
        {
            await _hasAnswered.Task.ConfigureAwait(false);
            while (await events.WaitToReadAsync(token).ConfigureAwait(false))
            {
                await SendAsync(ReadOnlyMemory<byte>.Empty, token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (ControlServer.IsEnd(error))
        {
            // The session's reader finds out as well, and ends it.
        }
    }

    private async Task StreamAsync(JsonElement? id, Func<Task<Action<Stream>>> prepare, CancellationToken token)
    {
        // The client's own queue first: one that does not read must not hold a stream that it does not use yet.
        await _sending.WaitAsync(token).ConfigureAwait(false);
        try
        {
            if (!await _streams.WaitAsync(StreamPatience, token).ConfigureAwait(false))
            {
                throw new QmpException("Other clients are reading long answers; try again");
            }

            try
            {
                using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(token);
                limit.CancelAfter(StreamLimit);
                Action<Stream> write = await prepare().ConfigureAwait(false);
                await SendEventsAsync(limit.Token).ConfigureAwait(false);

                // It waits for the client, so it does so on a thread of its own.
                await Task.Factory.StartNew(
                    () => Stream(id, write, limit.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
                    .ConfigureAwait(false);
            }
            finally
            {
                _streams.Release();
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private void Stream(JsonElement? id, Action<Stream> write, CancellationToken token)
    {
        using CancellationTokenRegistration cut = token.Register(_socket.Dispose);
        if (!_socket.Connected)
        {
            throw new SocketException((int)SocketError.NotConnected);
        }

        using NetworkStream stream = new(_socket, ownsSocket: false);
        QmpMessages.StreamReturn(id, write, stream);
    }

    /// <summary>Sends the events that wait, then a message.</summary>
    private async Task SendAsync(ReadOnlyMemory<byte> message, CancellationToken token)
    {
        await _sending.WaitAsync(token).ConfigureAwait(false);
        try
        {
            await SendEventsAsync(token).ConfigureAwait(false);
            await SendAllAsync(message, token).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends the events that wait; for whoever holds <c>_sending</c>.</summary>
    private async Task SendEventsAsync(CancellationToken token)
    {
        while (_events is not null && _events.TryRead(out ReadOnlyMemory<byte> told))
        {
            await SendAllAsync(told, token).ConfigureAwait(false);
        }
    }

    private async Task SendAllAsync(ReadOnlyMemory<byte> message, CancellationToken token)
    {
        while (!message.IsEmpty)
        {
            int sent = await _socket.SendAsync(message, token).ConfigureAwait(false);
            message = message[sent..];
        }
    }
}
