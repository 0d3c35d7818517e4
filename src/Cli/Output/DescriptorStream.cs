using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;

namespace KvmSevVmm.Cli.Output;

/// <summary>Writes to a descriptor that the process was started with; unbuffered.</summary>
/// <remarks>
/// Not the runtime's console streams: they pretend that a pipe without reader took the bytes, and on a terminal they begin by switching the
/// keypad's mode, which a guest's console would then have to live with. Not a FileStream either: on a regular file it writes at offsets of
/// its own, over what others appended to the same redirection.
/// </remarks>
internal sealed class DescriptorStream : WriteOnlyStream
{
    private readonly int _fd;
    private readonly string _name;

    /// <summary>Makes a stream; the descriptor is never closed.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="name">What to call it in an error.</param>
    internal DescriptorStream(int fd, string name)
    {
        _fd = fd;
        _name = name;
    }

    /// <inheritdoc/>
    /// <exception cref="ClosedPipeException">The reader has gone away.</exception>
    /// <exception cref="IOException">It cannot be written otherwise: a full disk, a descriptor that is closed.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            while (!buffer.IsEmpty)
            {
                int count = NativeFile.Write(_fd, buffer);
                if (count < 0)
                {
                    // Somebody who shares the descriptor made it non-blocking, and it is full.
                    Thread.Sleep(1);
                    continue;
                }

                buffer = buffer[count..];
            }
        }
        catch (KvmException error) when (error.Errno == Errno.EPIPE)
        {
            throw new ClosedPipeException(error);
        }
        catch (KvmException error)
        {
            throw new IOException($"cannot write {_name}: {Marshal.GetPInvokeErrorMessage((int)error.Errno)}", error);
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }
}
