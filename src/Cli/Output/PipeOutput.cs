namespace KvmSevVmm.Cli.Output;

/// <summary>Writes to a pipe or socket; tells a reader who has gone away from every other failure.</summary>
internal sealed class PipeOutput : WriteOnlyStream
{
    private const int BrokenPipe = 32;
    private const int TryAgain = 11;

    // PIPE_BUF: a write of at most this many bytes is taken whole or not at all, so it can be repeated when the pipe is non-blocking and
    // full.
    private const int AtomicBytes = 4096;

    private readonly Stream _pipe;

    /// <summary>Wraps a stream whose errors carry errno in <see cref="Exception.HResult"/>.</summary>
    /// <param name="pipe">An unbuffered stream over the pipe.</param>
    internal PipeOutput(Stream pipe)
    {
        _pipe = pipe;
    }

    /// <inheritdoc/>
    /// <exception cref="ClosedPipeException">The reader has gone away.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            ReadOnlySpan<byte> piece = buffer[..Math.Min(buffer.Length, AtomicBytes)];
            try
            {
                _pipe.Write(piece);
            }
            catch (IOException error) when (error.HResult == BrokenPipe)
            {
                throw new ClosedPipeException(error);
            }
            catch (IOException error) when (error.HResult == TryAgain)
            {
                Thread.Sleep(1);
                continue;
            }

            buffer = buffer[piece.Length..];
        }
    }

    /// <inheritdoc/>
    public override void Flush() => _pipe.Flush();
}
