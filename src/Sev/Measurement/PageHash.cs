using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>SHA-384 of many small pieces: one hash object for each thread, since making one takes as long as hashing 250 bytes.</summary>
internal static class PageHash
{
    [ThreadStatic]
    private static IncrementalHash? _hash;

    /// <summary>Hashes a piece.</summary>
    /// <param name="data">The piece.</param>
    /// <param name="destination">Takes the hash, 48 bytes. May overlap with <paramref name="data"/>.</param>
    internal static void Compute(ReadOnlySpan<byte> data, Span<byte> destination)
    {
        IncrementalHash hash = _hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA384);
        hash.AppendData(data);
        _ = hash.GetHashAndReset(destination);
    }
}
