namespace KvmSevVmm.Vmm.Boot;

/// <summary>An image whose bytes are in memory already.</summary>
internal sealed class MemoryImageSource : ImageSource
{
    private readonly ReadOnlyMemory<byte> _content;

    internal MemoryImageSource(string name, ReadOnlyMemory<byte> content)
        : base(name, (ulong)content.Length)
    {
        _content = content;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // Nothing is held.
    }

    private protected override int Read(Span<byte> destination, ulong offset)
    {
        if (offset >= Length)
        {
            return 0;
        }

        ReadOnlySpan<byte> rest = _content.Span[(int)offset..];
        int length = Math.Min(rest.Length, destination.Length);
        rest[..length].CopyTo(destination);
        return length;
    }
}
