namespace KvmSevVmm.Cli.Output;

/// <summary>Says of a failed write that it was the standard output's.</summary>
internal sealed class StandardOutputStream : WriteOnlyStream
{
    private readonly Stream _inner;

    /// <summary>Wraps a stream.</summary>
    /// <param name="inner">Unbuffered; its errors carry errno in <see cref="Exception.HResult"/>.</param>
    internal StandardOutputStream(Stream inner)
    {
        _inner = inner;
    }

    /// <inheritdoc/>
    /// <exception cref="ClosedPipeException">The reader has gone away.</exception>
    /// <exception cref="IOException">It cannot be written otherwise: a full disk, a descriptor that is closed.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            _inner.Write(buffer);
        }
        catch (IOException error) when (error is not ClosedPipeException)
        {
            throw new IOException($"cannot write the standard output: {FileKind.Explain(error)}", error);
        }
        catch (UnauthorizedAccessException error)
        {
            // What the runtime makes of EBADF; the errno is one exception deeper.
            string problem = error.InnerException is IOException inner ? FileKind.Explain(inner) : error.Message;
            throw new IOException($"cannot write the standard output: {problem}", error);
        }
    }

    /// <inheritdoc/>
    public override void Flush() => _inner.Flush();
}
