using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev;

/// <summary>
/// A repeatable stream of bytes: HMAC-SHA-256 of a counter under the seed. For tests and for the software PSP; whoever knows the seed
/// knows every key drawn from it. Not safe for use by two threads at once.
/// </summary>
public sealed class SeededRandomSource : IRandomSource
{
    private readonly byte[] _seed;
    private readonly byte[] _block = new byte[HMACSHA256.HashSizeInBytes];
    private ulong _counter;
    private int _used = HMACSHA256.HashSizeInBytes;

    /// <summary>Starts the stream at its beginning.</summary>
    /// <param name="seed">The seed, of any length.</param>
    public SeededRandomSource(ReadOnlySpan<byte> seed)
    {
        _seed = seed.ToArray();
    }

    /// <inheritdoc/>
    public void Fill(Span<byte> destination)
    {
        Span<byte> counter = stackalloc byte[sizeof(ulong)];
        while (!destination.IsEmpty)
        {
            if (_used == _block.Length)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(counter, _counter++);
                HMACSHA256.HashData(_seed, counter, _block);
                _used = 0;
            }

            int count = Math.Min(destination.Length, _block.Length - _used);
            _block.AsSpan(_used, count).CopyTo(destination);
            _used += count;
            destination = destination[count..];
        }
    }
}
