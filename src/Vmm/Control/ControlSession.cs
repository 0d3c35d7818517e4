using System.Net.Sockets;
using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Control;

/// <summary>One client of the control socket: reads a command, answers it, reads the next. Its memory is bounded by its buffers.</summary>
internal sealed class ControlSession
{
    /// <summary>The command that every session begins with.</summary>
    internal const string Negotiation = "qmp_capabilities";

    private const int ReadSize = 2 << 10;

    private readonly Socket _socket;
    private readonly ControlCommands _commands;
    private readonly Action _quit;
    private readonly JsonValueSplitter _splitter = new();
    private bool _isNegotiated;

    /// <summary>Begins a session.</summary>
    /// <param name="socket">The client; stays the caller's.</param>
    /// <param name="commands">What it may execute.</param>
    /// <param name="quit">Ends the machine.</param>
    internal ControlSession(Socket socket, ControlCommands commands, Action quit)
    {
        _socket = socket;
        _commands = commands;
        _quit = quit;
    }

    /// <summary>Serves the client until it goes or the token ends it.</summary>
    /// <param name="token">Ends the session.</param>
    internal async Task RunAsync(CancellationToken token)
    {
        await SendAsync(QmpMessages.Greeting(), token).ConfigureAwait(false);
        byte[] buffer = new byte[ReadSize];
        while (await _socket.ReceiveAsync(buffer.AsMemory(), token).ConfigureAwait(false) is > 0 and int length)
        {
            ReadOnlyMemory<byte> input = buffer.AsMemory(0, length);
            while (TryTake(ref input, out ReadOnlyMemory<byte> message, out ReadOnlyMemory<byte> refusal))
            {
                bool isQuit = false;
                if (refusal.IsEmpty)
                {
                    (refusal, isQuit) = await ExecuteAsync(message).ConfigureAwait(false);
                }

                await SendAsync(refusal, token).ConfigureAwait(false);
                if (isQuit)
                {
                    // Only now, so that the client has its answer.
                    _quit();
                }
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

    private async Task<(ReadOnlyMemory<byte> Answer, bool IsQuit)> ExecuteAsync(ReadOnlyMemory<byte> message)
    {
        JsonElement? id = null;
        try
        {
            QmpRequest request = QmpRequest.Parse(message, out id);
            if (Negotiate(request))
            {
                return (QmpMessages.Return(id, "{}"u8.ToArray()), false);
            }

            ReadOnlyMemory<byte> value = await _commands.ExecuteAsync(request).ConfigureAwait(false);
            return (QmpMessages.Return(id, value), request.Command == ControlCommands.Quit);
        }
        catch (QmpException refused)
        {
            return (QmpMessages.Error(id, refused.ErrorClass, refused.Message), false);
        }
        catch (Exception refused) when (refused is SevCommandFailedException or InvalidInputException or SevFormatException)
        {
            return (QmpMessages.Error(id, QmpErrorClass.GenericError, refused.Message), false);
        }
    }

    private bool Negotiate(QmpRequest request)
    {
        bool isNegotiation = request.Command == Negotiation;
        if (isNegotiation == _isNegotiated)
        {
            throw new QmpException(
                isNegotiation
                    ? "Capabilities negotiation is already complete, command ignored"
                    : $"Expecting capabilities negotiation with '{Negotiation}'",
                QmpErrorClass.CommandNotFound);
        }

        _isNegotiated = true;
        return isNegotiation;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> message, CancellationToken token)
    {
        while (!message.IsEmpty)
        {
            int sent = await _socket.SendAsync(message, token).ConfigureAwait(false);
            message = message[sent..];
        }
    }
}
