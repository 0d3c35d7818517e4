using System.Net.Sockets;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Speaks to the control socket of a running machine.</summary>
public sealed class ControlClient : IDisposable
{
    /// <summary>The longest answer that is held whole, in bytes.</summary>
    private const int MaximumAnswer = 1 << 20;

    private readonly Socket _socket;
    private readonly string _path;
    private readonly ControlInput _input;

    private ControlClient(Socket socket, string path)
    {
        _socket = socket;
        _path = path;
        _input = new ControlInput(socket, path);
    }

    /// <summary>Connects and negotiates.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="timeout">The longest wait for an answer.</param>
    /// <exception cref="InvalidInputException">There can be no socket at the path.</exception>
    /// <exception cref="FileNotFoundException">There is no socket.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be used.</exception>
    /// <exception cref="IOException">Nobody listens there, or does not speak QMP.</exception>
    public static ControlClient Connect(string path, TimeSpan timeout)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = (int)timeout.TotalMilliseconds,
            SendTimeout = (int)timeout.TotalMilliseconds,
        };
        ControlClient client = new(socket, path);
        try
        {
            socket.Connect(UnixSockets.EndPointOf("--socket", path));
            if (client._input.ReadMessage() is not JsonElement greeting || !greeting.TryGetProperty("QMP", out _))
            {
                throw new IOException($"{path}: whoever listens there does not speak QMP");
            }

            client.Execute("qmp_capabilities");
            return client;
        }
        catch (SocketException error)
        {
            client.Dispose();
            throw error.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => new IOException($"{path}: nobody listens at this socket any more", error),
                SocketError.AccessDenied => new UnauthorizedAccessException($"{path}: permission denied", error),
                _ when !File.Exists(path) => new FileNotFoundException($"{path}: no such socket", error),
                _ => new IOException($"{path}: {error.Message}", error),
            };
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Executes a command and waits for its answer; events that arrive before it are dropped.</summary>
    /// <param name="command">The command's name.</param>
    /// <param name="arguments">Writes the members of its arguments, or null for none.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="QmpException">The machine refuses.</exception>
    /// <exception cref="IOException">The machine is gone, or answers with something that is none, or with too much.</exception>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments = null)
    {
        using Stream answer = ExecuteLong(command, arguments);
        byte[] value = new byte[MaximumAnswer];
        int length = answer.ReadAtLeast(value, value.Length, throwOnEndOfStream: false);
        if (length == value.Length)
        {
            throw new IOException($"{_path}: the machine's answer is too long");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(value.AsMemory(0, length));
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new IOException($"{_path}: the machine's answer is no JSON", error);
        }
    }

    /// <summary>The same for an answer of any length: it is received as it is read.</summary>
    /// <param name="command">The command's name.</param>
    /// <param name="arguments">Writes the members of its arguments, or null for none.</param>
    /// <returns>The answer as JSON, to be read to its end before the next command. Reading it throws <see cref="IOException"/> when the
    /// machine goes, or sends nothing for too long.</returns>
    /// <exception cref="QmpException">The machine refuses.</exception>
    /// <exception cref="IOException">The machine is gone, or answers with something that is none.</exception>
    public Stream ExecuteLong(string command, Action<Utf8JsonWriter>? arguments = null)
    {
        using MemoryStream request = new();
        using (Utf8JsonWriter json = new(request))
        {
            json.WriteStartObject();
            json.WriteString("execute"u8, command);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments"u8);
                arguments(json);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        request.WriteByte((byte)'\n');
        Send(request.GetBuffer().AsSpan(0, (int)request.Length));
        while (!_input.TryBeginAnswer())
        {
            JsonElement message = _input.ReadMessage() ?? throw new IOException($"{_path}: the machine closed the connection");
            if (message.TryGetProperty("error", out JsonElement error))
            {
                throw Refusal(error);
            }

            if (!message.TryGetProperty("event", out _))
            {
                throw new IOException($"{_path}: the machine's answer is none of QMP's");
            }
        }

        return new ControlAnswer(_input);
    }

    /// <summary>Waits for the next event, as long as it takes.</summary>
    /// <returns>The event, or null when the connection is closed, be it by the machine or by <see cref="Close"/>.</returns>
    /// <exception cref="IOException">What arrives is no event.</exception>
    public JsonElement? ReadEvent()
    {
        _socket.ReceiveTimeout = 0;
        JsonElement? message = _input.ReadMessage();
        return message is not JsonElement known || known.TryGetProperty("event", out _)
            ? message
            : throw new IOException($"{_path}: the machine sends what nobody asked for");
    }

    /// <summary>Ends the connection; from any thread, while another waits.</summary>
    public void Close()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The machine has closed it already.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static QmpException Refusal(JsonElement error)
    {
        string description = error.TryGetProperty("desc", out JsonElement text) ? text.ToString() : "refused";
        string name = error.TryGetProperty("class", out JsonElement word) ? word.ToString() : string.Empty;
        return new QmpException(description, Enum.TryParse(name, out QmpErrorClass known) ? known : QmpErrorClass.GenericError);
    }

    private void Send(ReadOnlySpan<byte> message)
    {
        try
        {
            while (!message.IsEmpty)
            {
                message = message[_socket.Send(message)..];
            }
        }
        catch (SocketException error)
        {
            throw new IOException($"{_path}: {error.Message}", error);
        }
    }
}
