using System.Text;

namespace KvmSevVmm.Cli.Output;

/// <summary>The process's standard error: for words, whose loss must never change what the program does.</summary>
internal static class StandardError
{
    /// <summary>A stream over descriptor 2 that drops what cannot be written.</summary>
    internal static Stream Open() => new TolerantStream(new DescriptorStream(2, "the standard error"));

    /// <summary>A writer over such a stream, without buffer.</summary>
    /// <param name="stream">The stream.</param>
    internal static TextWriter OpenWriter(Stream stream) =>
        new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };

    /// <summary>Drops what cannot be written.</summary>
    private sealed class TolerantStream(Stream inner) : WriteOnlyStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                inner.Write(buffer);
            }
            catch (IOException)
            {
                // A full disk or a closed descriptor: there is nowhere left to say so, and the exit code still tells the rest.
            }
        }

        public override void Flush()
        {
        }
    }
}
