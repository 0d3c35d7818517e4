using System.Buffers;
using System.Text;

namespace KvmSevVmm.Sev;

/// <summary>A binary structure that was read from a file, either raw or as base64, and which of the two it was.</summary>
/// <param name="Bytes">The structure.</param>
/// <param name="Encoding">How the file held it.</param>
public sealed record EncodedBlob(byte[] Bytes, BlobEncoding Encoding)
{
    /// <summary>Larger files are refused unread: no SEV structure comes near this, in bytes.</summary>
    public const int MaximumFileSize = 1 << 20;

    private static readonly SearchValues<byte> Base64Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n\t "u8);

    /// <summary>Which encoding was found, for a message to the user: <c>raw</c> or <c>base64</c>.</summary>
    public string EncodingName => Encoding == BlobEncoding.Raw ? "raw" : "base64";

    /// <summary>Takes a structure of known size out of a file's content.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <param name="field">What the structure is, for messages.</param>
    /// <param name="sizes">The sizes in bytes that the structure may have.</param>
    /// <exception cref="SevFormatException">Neither the content nor what it decodes to has such a size.</exception>
    public static EncodedBlob Decode(ReadOnlySpan<byte> content, string input, string field, params ReadOnlySpan<int> sizes)
    {
        if (sizes.Contains(content.Length))
        {
            return new EncodedBlob(content.ToArray(), BlobEncoding.Raw);
        }

        if (!TryDecodeBase64(content, out byte[] decoded))
        {
            throw new SevFormatException(input, field, $"{content.Length} bytes, and no base64: {Name(sizes)} wanted, raw or as base64");
        }

        return sizes.Contains(decoded.Length)
            ? new EncodedBlob(decoded, BlobEncoding.Base64)
            : throw new SevFormatException(input, field, $"base64 of {decoded.Length} bytes: {Name(sizes)} wanted, raw or as base64");
    }

    /// <summary>Takes a structure of any size out of a file's content: base64 where all of it is base64 text, else raw.</summary>
    /// <param name="content">The file's content.</param>
    public static EncodedBlob DecodeAny(ReadOnlySpan<byte> content) => TryDecodeBase64(content, out byte[] decoded)
        ? new EncodedBlob(decoded, BlobEncoding.Base64)
        : new EncodedBlob(content.ToArray(), BlobEncoding.Raw);

    /// <summary>Reads a structure of known size from a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="field">What the structure is, for messages.</param>
    /// <param name="sizes">The sizes in bytes that the structure may have.</param>
    /// <exception cref="SevFormatException">The file holds no such structure.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static EncodedBlob ReadFile(string path, string field, params ReadOnlySpan<int> sizes) =>
        Decode(ReadContent(path), path, field, sizes);

    /// <summary>Reads a small file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The file has more than 1 MiB.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static byte[] ReadContent(string path)
    {
        using FileStream stream = File.OpenRead(path);

        // A pipe has no length; so count what comes, not what is promised.
        byte[] buffer = new byte[MaximumFileSize + 1];
        int count = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return count <= MaximumFileSize
            ? buffer[..count]
            : throw new SevFormatException(path, "size", $"more than {MaximumFileSize} bytes");
    }

    /// <summary>The structure as base64 on one line, without a line end, as QEMU and sevctl write it.</summary>
    /// <param name="bytes">The structure.</param>
    public static string ToBase64(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes);

    private static bool TryDecodeBase64(ReadOnlySpan<byte> content, out byte[] decoded)
    {
        decoded = [];
        if (content.IsEmpty || content.ContainsAnyExcept(Base64Characters))
        {
            return false;
        }

        byte[] buffer = new byte[content.Length];
        if (!Convert.TryFromBase64String(System.Text.Encoding.ASCII.GetString(content), buffer, out int written) || written == 0)
        {
            return false;
        }

        decoded = buffer[..written];
        return true;
    }

    private static string Name(ReadOnlySpan<int> sizes)
    {
        StringBuilder text = new();
        for (int index = 0; index < sizes.Length; index++)
        {
            text.Append(index == 0 ? string.Empty : index == sizes.Length - 1 ? " or " : ", ").Append(sizes[index]);
        }

        return text.Append(" bytes").ToString();
    }
}
