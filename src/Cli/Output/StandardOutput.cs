using Microsoft.Win32.SafeHandles;

namespace KvmSevVmm.Cli.Output;

/// <summary>Opens the process's standard output so that a reader who has gone away is noticed.</summary>
/// <remarks>
/// The runtime's console stream swallows EPIPE and pretends that the bytes were written. Pipes and sockets are therefore written as files;
/// everything else keeps the
/// console stream, because a FileStream on a regular file writes at offsets of its own and would overwrite what a shell appended to the
/// same redirection.
/// </remarks>
internal static class StandardOutput
{
    /// <summary>A stream over descriptor 1; writing to it throws <see cref="ClosedPipeException"/> once the reader has gone.</summary>
    internal static Stream Open() => new StandardOutputStream(OpenUnnamed());

    private static Stream OpenUnnamed()
    {
        FileStream file;
        try
        {
            file = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        }
        catch (Exception error) when (error is IOException or ArgumentException or UnauthorizedAccessException)
        {
            // Descriptor 1 is closed or not writable: the console stream reports that at the first write.
            return Console.OpenStandardOutput();
        }

        return file.CanSeek || !Console.IsOutputRedirected ? Console.OpenStandardOutput() : new PipeOutput(file);
    }
}
