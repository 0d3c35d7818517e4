using System.Buffers;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>What a command answers: a JSON value that is held until the client takes it, or the writer of one that is too long for that.
/// </summary>
internal sealed class QmpAnswer
{
    /// <summary>Bytes of an answer that is held; what can be longer is streamed.</summary>
    internal const int MaximumLength = 32 << 10;

    private QmpAnswer(ReadOnlyMemory<byte> value, Func<Task<Action<Stream>>>? prepare)
    {
        Value = value;
        Prepare = prepare;
    }

    /// <summary>The answer of a command that has nothing to tell: <c>{}</c>.</summary>
    internal static QmpAnswer Empty { get; } = new("{}"u8.ToArray(), null);

    /// <summary>The value, where it is not streamed.</summary>
    internal ReadOnlyMemory<byte> Value { get; }

    /// <summary>For a value that is streamed: finds out what there is to write, and refuses (<see cref="QmpException"/>) or gives its
    /// writer.</summary>
    internal Func<Task<Action<Stream>>>? Prepare { get; }

    /// <summary>An answer that is written at once.</summary>
    /// <param name="write">Writes one JSON value, of <see cref="MaximumLength"/> at most.</param>
    /// <exception cref="InvalidOperationException">The value is longer: the command has to stream it.</exception>
    internal static QmpAnswer Of(Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            write(json);
        }

        if (buffer.WrittenCount > MaximumLength)
        {
            throw new InvalidOperationException($"an answer of {buffer.WrittenCount} bytes is held, not streamed");
        }

        return new QmpAnswer(buffer.WrittenMemory, null);
    }

    /// <summary>An answer that is one object.</summary>
    /// <param name="writeMembers">Writes its members.</param>
    internal static QmpAnswer Object(Action<Utf8JsonWriter> writeMembers) => Of(json =>
    {
        json.WriteStartObject();
        writeMembers(json);
        json.WriteEndObject();
    });

    /// <summary>An answer that is written piece by piece while the client reads it.</summary>
    /// <param name="prepare">See <see cref="Prepare"/>.</param>
    internal static QmpAnswer Streamed(Func<Task<Action<Utf8JsonWriter>>> prepare) => Streamed(async () =>
    {
        Action<Utf8JsonWriter> write = await prepare().ConfigureAwait(false);
        return output =>
        {
            using Utf8JsonWriter json = new(output);
            write(json);
        };
    });

    /// <summary>An answer that is written piece by piece while the client reads it.</summary>
    /// <param name="prepare">See <see cref="Prepare"/>; the value it writes is on one line.</param>
    internal static QmpAnswer Streamed(Func<Task<Action<Stream>>> prepare) => new(default, prepare);
}
