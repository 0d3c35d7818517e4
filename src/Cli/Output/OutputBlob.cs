using System.Text;
using KvmSevVmm.Sev;

namespace KvmSevVmm.Cli.Output;

/// <summary>
/// Writes the binary structures of SEV, as they are or as base64 on one line, which is what QEMU and libvirt pass around.
/// </summary>
internal static class OutputBlob
{
    /// <summary>Writes one structure to one file, mode 0600 where the file is new.</summary>
    /// <param name="option">The option or argument that named the file, for messages.</param>
    /// <param name="path">The file; <c>-</c> for the standard output.</param>
    /// <param name="bytes">The structure.</param>
    /// <param name="encoding">Raw or base64.</param>
    /// <param name="context">Has the standard output.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    internal static void Write(string option, string path, byte[] bytes, BlobEncoding encoding, CliContext context)
    {
        using OutputFile file = OutputFile.Open(option, path, context.Output);
        file.WriteAll(stream => stream.Write(Encode(bytes, encoding)));
    }

    /// <summary>The bytes that a file holds.</summary>
    /// <param name="bytes">The structure.</param>
    /// <param name="encoding">Raw or base64.</param>
    internal static byte[] Encode(byte[] bytes, BlobEncoding encoding) =>
        encoding == BlobEncoding.Raw ? bytes : Encoding.ASCII.GetBytes(EncodedBlob.ToBase64(bytes) + "\n");
}
