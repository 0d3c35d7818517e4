namespace KvmSevVmm.Cli.Output;

/// <summary>Lends a stream to somebody who disposes what it writes to; the stream itself stays open.</summary>
internal sealed class KeepOpenStream : WriteOnlyStream
{
    private readonly Stream _inner;

    /// <summary>Lends a stream.</summary>
    /// <param name="inner">Stays open.</param>
    internal KeepOpenStream(Stream inner)
    {
        _inner = inner;
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer) => _inner.Write(buffer);

    /// <inheritdoc/>
    public override void Flush() => _inner.Flush();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Flush();
        }

        base.Dispose(disposing);
    }
}
