namespace KvmSevVmm.Cli.Tests;

/// <summary>A destination that fails.</summary>
internal sealed class ThrowingStream(IOException failure) : MemoryStream
{
    public override void Write(byte[] buffer, int offset, int count) => throw failure;

    public override void Write(ReadOnlySpan<byte> buffer) => throw failure;
}
