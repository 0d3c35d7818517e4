using System.Net.Sockets;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Speaks to the control socket of a running machine.</summary>
public sealed class ControlClient : IDisposable
{
    /// <summary>The longest answer that is taken, in bytes.</summary>
    private const int MaximumAnswer = 1 << 20;

    private readonly Socket _socket;
    private readonly string _path;
    private readonly List<byte> _pending = [];

    private ControlClient(Socket socket, string path)
    {
        _socket = socket;
        _path = path;
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
            if (!client.Receive().TryGetProperty("QMP", out _))
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
    /// <exception cref="IOException">The machine is gone, or answers with something that is none.</exception>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments = null)
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
        while (true)
        {
            JsonElement answer = Receive();
            if (answer.TryGetProperty("error", out JsonElement error))
            {
                throw Refusal(error);
            }

            if (answer.TryGetProperty("return", out JsonElement value))
            {
                return value;
            }

            if (!answer.TryGetProperty("event", out _))
            {
                throw new IOException($"{_path}: the machine's answer is none of QMP's");
            }
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

    // The server ends each message with a line end, and writes none inside.
    private JsonElement Receive()
    {
        byte[] buffer = new byte[4096];
        int end;
        while ((end = _pending.IndexOf((byte)'\n')) < 0)
        {
            int length;
            try
            {
                length = _socket.Receive(buffer);
            }
            catch (SocketException error)
            {
                throw new IOException($"{_path}: no answer: {error.Message}", error);
            }

            if (length == 0 || _pending.Count + length > MaximumAnswer)
            {
                throw new IOException($"{_path}: {(length == 0 ? "the machine closed the connection" : "the answer is too long")}");
            }

            _pending.AddRange(buffer.AsSpan(0, length));
        }

        byte[] line = [.. _pending[..end]];
        _pending.RemoveRange(0, end + 1);
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new IOException($"{_path}: the answer is no JSON object");
        }
        catch (JsonException error)
        {
            throw new IOException($"{_path}: the machine's answer is no JSON", error);
        }
    }
}
