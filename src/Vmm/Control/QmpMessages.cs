using System.Buffers;
using System.Reflection;
using System.Runtime.InteropServices;
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
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(known));
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
