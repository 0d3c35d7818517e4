using KvmSevVmm.Sev;

namespace KvmSevVmm.Cli.Output;

/// <summary>Reads the small files of SEV: certificates, sessions, measurements, reports. None of them comes near 1 MiB.</summary>
internal static class InputBlob
{
    /// <summary>Reads the whole content.</summary>
    /// <param name="option">The option or argument that named the file, for messages.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The file has more than 1 MiB.</exception>
    /// <exception cref="IOException">It cannot be read; see <see cref="FileKind.OpenInput"/> for the other failures.</exception>
    internal static byte[] ReadContent(string option, string path)
    {
        using FileStream file = FileKind.OpenInput(option, path);
        if (file.Length > EncodedBlob.MaximumFileSize)
        {
            throw new SevFormatException(path, "size", $"{file.Length} bytes, more than {EncodedBlob.MaximumFileSize}");
        }

        byte[] content = new byte[file.Length];
        return content[..file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
    }

    /// <summary>Reads a structure of known size, raw or base64.</summary>
    /// <param name="option">The option or argument that named the file, for messages.</param>
    /// <param name="path">The file.</param>
    /// <param name="field">What the structure is, for messages.</param>
    /// <param name="sizes">The sizes in bytes that it may have.</param>
    /// <exception cref="SevFormatException">The file holds no such structure.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static EncodedBlob Read(string option, string path, string field, params ReadOnlySpan<int> sizes) =>
        EncodedBlob.Decode(ReadContent(option, path), path, field, sizes);
}
