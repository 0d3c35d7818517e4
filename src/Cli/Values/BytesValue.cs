using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Values;

/// <summary>Some bytes that the user wrote as hex or base64, or in a file, where they may also stand raw.</summary>
/// <param name="Bytes">The bytes.</param>
/// <param name="Form">How they were written: <c>hex</c>, <c>base64</c> or <c>raw</c>.</param>
/// <param name="Path">The file; null where they stood on the command line.</param>
internal sealed record BytesValue(byte[] Bytes, string Form, string? Path)
{
    /// <summary>Reads bytes of known number.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote: hex, base64 or the name of a file.</param>
    /// <param name="field">What the bytes are, for messages.</param>
    /// <param name="sizes">How many they may be.</param>
    /// <exception cref="UsageException">It is neither hex nor base64 of that many bytes, nor a file's name.</exception>
    /// <exception cref="InvalidInputException">The file holds something else.</exception>
    internal static BytesValue Parse(string option, string text, string field, params ReadOnlySpan<int> sizes)
    {
        if (Decode(text, sizes) is { } decoded)
        {
            return decoded;
        }

        if (text.Length == 0 || !LooksLikeFile(text))
        {
            throw new UsageException(
                $"{option}: '{text}' is no {field}", $"write {Name(sizes)} bytes as hex or base64, or name a file that holds them");
        }

        return ReadFile(option, text, field, sizes);
    }

    /// <summary>Reads bytes of known number from a file.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="path">The file.</param>
    /// <param name="field">What the bytes are, for messages.</param>
    /// <param name="sizes">How many they may be.</param>
    /// <exception cref="InvalidInputException">The file holds something else.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    internal static BytesValue ReadFile(string option, string path, string field, params ReadOnlySpan<int> sizes)
    {
        using FileStream file = FileKind.OpenInput(option, path);
        byte[] buffer = new byte[EncodedBlob.MaximumFileSize + 1];
        byte[] content = buffer[..file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)];
        if (sizes.Contains(content.Length))
        {
            return new BytesValue(content, "raw", path);
        }

        return Decode(Encoding.Latin1.GetString(content), sizes) is { } decoded
            ? decoded with { Path = path }
            : throw new InvalidInputException(
                path, field, $"{content.Length} bytes, and no hex or base64 of the right length: {Name(sizes)} bytes wanted");
    }

    private static BytesValue? Decode(string text, ReadOnlySpan<int> sizes)
    {
        string clean = string.Concat(text.Where(static letter => !char.IsWhiteSpace(letter)));
        string digits = clean.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? clean[2..] : clean;
        if (digits.Length % 2 == 0 && sizes.Contains(digits.Length / 2) && digits.All(char.IsAsciiHexDigit))
        {
            return new BytesValue(Convert.FromHexString(digits), "hex", null);
        }

        byte[] buffer = new byte[clean.Length];
        return Convert.TryFromBase64String(clean, buffer, out int count) && sizes.Contains(count)
            ? new BytesValue(buffer[..count], "base64", null)
            : null;
    }

    // What is neither there nor has the look of a path is a mistyped value, and "no such file" would be no help.
    private static bool LooksLikeFile(string text) =>
        !text.Contains('\0', StringComparison.Ordinal)
        && (FileKind.TypeOf(text) is not null
            || text.Contains('/', StringComparison.Ordinal)
            || text.Contains('.', StringComparison.Ordinal));

    private static string Name(ReadOnlySpan<int> sizes) => string.Join(" or ", sizes.ToArray());
}
