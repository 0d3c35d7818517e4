using System.Text.Json;

namespace KvmSevVmm.Cli.Output;

/// <summary>Copies a JSON value from a stream to a writer with a layout of its own, however long the value is.</summary>
internal static class JsonCopy
{
    private const int FlushBytes = 16 << 10;
    private const int LongestToken = 1 << 20;

    /// <summary>Copies one value, which is all of the input.</summary>
    /// <param name="input">The value.</param>
    /// <param name="source">What to call it in an error.</param>
    /// <param name="output">Stands where the value belongs; flushed now and then.</param>
    /// <exception cref="IOException">The input is no JSON, or has a text of more than 1 MiB.</exception>
    internal static void Copy(Stream input, string source, Utf8JsonWriter output)
    {
        byte[] buffer = new byte[FlushBytes];
        JsonReaderState state = default;
        int length = 0;
        bool isFinal = false;
        while (!isFinal)
        {
            int read = input.Read(buffer, length, buffer.Length - length);
            isFinal = read == 0;
            length += read;
            int consumed;
            try
            {
                consumed = Copy(buffer.AsSpan(0, length), isFinal, ref state, output);
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                throw new IOException($"{source}: the answer is no JSON", error);
            }

            buffer.AsSpan(consumed, length - consumed).CopyTo(buffer);
            length -= consumed;
            if (length == buffer.Length)
            {
                if (length >= LongestToken)
                {
                    throw new IOException($"{source}: the answer has a text of more than 1 MiB");
                }

                Array.Resize(ref buffer, length * 2);
            }

            if (output.BytesPending > FlushBytes)
            {
                output.Flush();
            }
        }
    }

    private static int Copy(ReadOnlySpan<byte> input, bool isFinal, ref JsonReaderState state, Utf8JsonWriter output)
    {
        Utf8JsonReader reader = new(input, isFinal, state);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    output.WriteStartObject();
                    break;
                case JsonTokenType.EndObject:
                    output.WriteEndObject();
                    break;
                case JsonTokenType.StartArray:
                    output.WriteStartArray();
                    break;
                case JsonTokenType.EndArray:
                    output.WriteEndArray();
                    break;
                case JsonTokenType.PropertyName:
                    output.WritePropertyName(reader.GetString()!);
                    break;
                case JsonTokenType.String:
                    output.WriteStringValue(reader.GetString());
                    break;
                default:
                    // Numbers keep their digits.
                    output.WriteRawValue(reader.ValueSpan, skipInputValidation: true);
                    break;
            }
        }

        state = reader.CurrentState;
        return (int)reader.BytesConsumed;
    }
}
