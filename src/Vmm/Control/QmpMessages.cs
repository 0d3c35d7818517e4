using System.Buffers;
using System.Reflection;
using System.Text.Json;

namespace KvmSevVmm.Vmm.Control;

/// <summary>What the server sends: one JSON object and a line end each.</summary>
internal static class QmpMessages
{
    /// <summary>The greeting.</summary>
    internal static ReadOnlyMemory<byte> Greeting() => Write(static json =>
    {
        json.WriteStartObject("QMP"u8);
        json.WriteStartObject("version"u8);
        WriteVersion(json);
        json.WriteEndObject();
        json.WriteStartArray("capabilities"u8);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>A command's answer.</summary>
    /// <param name="id">The request's id, or null.</param>
    /// <param name="value">The answer as JSON.</param>
    internal static ReadOnlyMemory<byte> Return(JsonElement? id, ReadOnlyMemory<byte> value) => Write(json =>
    {
        json.WritePropertyName("return"u8);
        json.WriteRawValue(value.Span);
        WriteId(json, id);
    });

    /// <summary>A command's answer that is written piece by piece.</summary>
    /// <param name="id">The request's id, or null.</param>
    /// <param name="writeValue">Writes the answer as JSON, on one line.</param>
    /// <param name="output">Where to.</param>
    internal static void StreamReturn(JsonElement? id, Action<Stream> writeValue, Stream output)
    {
        output.Write("{\"return\":"u8);
        writeValue(output);
        if (id is JsonElement known)
        {
            // As WriteId does: what the client sent on several lines is one line here.
            output.Write(",\"id\":"u8);
            using Utf8JsonWriter json = new(output);
            known.WriteTo(json);
        }

        output.Write("}\r\n"u8);
    }

    /// <summary>A refusal.</summary>
    /// <param name="id">The request's id, or null.</param>
    /// <param name="errorClass">Its class.</param>
    /// <param name="description">What is wrong, one line.</param>
    internal static ReadOnlyMemory<byte> Error(JsonElement? id, QmpErrorClass errorClass, string description) => Write(json =>
    {
        json.WriteStartObject("error"u8);
        json.WriteString("class"u8, errorClass.ToString());
        json.WriteString("desc"u8, description);
        json.WriteEndObject();
        WriteId(json, id);
    });

    /// <summary>Something that happened.</summary>
    /// <param name="name">The event's name.</param>
    /// <param name="time">When.</param>
    /// <param name="writeData">Writes the members of its data, or null for an event without.</param>
    internal static ReadOnlyMemory<byte> Event(string name, DateTimeOffset time, Action<Utf8JsonWriter>? writeData) => Write(json =>
    {
        json.WriteStartObject("timestamp"u8);
        json.WriteNumber("seconds"u8, time.ToUnixTimeSeconds());
        json.WriteNumber("microseconds"u8, time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        json.WriteEndObject();
        json.WriteString("event"u8, name);
        if (writeData is not null)
        {
            json.WriteStartObject("data"u8);
            writeData(json);
            json.WriteEndObject();
        }
    });

    /// <summary>The members of <c>query-version</c>: QMP wants QEMU's member names, the numbers are this monitor's.</summary>
    /// <param name="json">Stands inside an object.</param>
    internal static void WriteVersion(Utf8JsonWriter json)
    {
        Version version = typeof(QmpMessages).Assembly.GetName().Version ?? new Version(0, 0, 0);
        string text = typeof(QmpMessages).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? version.ToString(3);
        json.WriteStartObject("qemu"u8);
        json.WriteNumber("major"u8, version.Major);
        json.WriteNumber("minor"u8, version.Minor);
        json.WriteNumber("micro"u8, Math.Max(0, version.Build));
        json.WriteEndObject();
        json.WriteString("package"u8, $"kvmsev {text}");
    }

    private static void WriteId(Utf8JsonWriter json, JsonElement? id)
    {
        if (id is JsonElement known)
        {
            json.WritePropertyName("id"u8);
            known.WriteTo(json);
        }
    }

    private static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        buffer.Write("\r\n"u8);
        return buffer.WrittenMemory;
    }
}
