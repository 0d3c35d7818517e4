using System.Text;
using System.Text.Json;

namespace KvmSevVmm.Cli.Output;

/// <summary>The JSON document that a verb prints with <c>--json</c>, where it is written member by member.</summary>
internal static class JsonAnswer
{
    /// <summary>Makes the document: an object that begins with its schema, and a line end.</summary>
    /// <param name="schema">Name and version: <c>kvmsev.map-at/1</c>.</param>
    /// <param name="writeMembers">Writes all other members.</param>
    internal static string Make(string schema, Action<Utf8JsonWriter> writeMembers)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, CliJsonContext.ReadableWriter))
        {
            json.WriteStartObject();
            json.WriteString("schema"u8, schema);
            writeMembers(json);
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
