using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The launch digest of a SEV or SEV-ES guest: SHA-256 over the plain text of every LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA, in the
/// order of the calls.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA.</remarks>
public sealed class SevLaunchDigest : IDisposable
{
    /// <summary>Bytes of the digest: SHA-256.</summary>
    public const int Size = SHA256.HashSizeInBytes;

    /// <summary>LAUNCH_UPDATE_DATA takes multiples of this many bytes.</summary>
    public const int Granularity = 16;

    // Bytes between two reports of progress.
    private const int PieceSize = 8 << 20;

    private readonly IncrementalHash _hash;

    /// <summary>Starts a launch.</summary>
    public SevLaunchDigest()
        : this(IncrementalHash.CreateHash(HashAlgorithmName.SHA256), 0)
    {
    }

    private SevLaunchDigest(IncrementalHash hash, long byteCount)
    {
        _hash = hash;
        ByteCount = byteCount;
    }

    /// <summary>Where every piece is written down; null for nowhere.</summary>
    public ICollection<MeasuredStep>? Trace { get; init; }

    /// <summary>Who hears of progress, in bytes since the start; null for nobody.</summary>
    public IProgress<long>? Progress { get; init; }

    /// <summary>Bytes so far.</summary>
    public long ByteCount { get; private set; }

    /// <summary>Adds what one LAUNCH_UPDATE_DATA encrypts. Data may come in pieces; the digest is the same.</summary>
    /// <param name="gpa">Its guest physical address, for the trace only; null where it is not known.</param>
    /// <param name="data">The plain text, a multiple of 16 bytes.</param>
    /// <param name="label">What it is, for the trace.</param>
    /// <exception cref="ArgumentException">The length is no multiple of 16.</exception>
    public void UpdateData(ulong? gpa, ReadOnlySpan<byte> data, string label)
    {
        if (data.Length % Granularity != 0)
        {
            throw new ArgumentException($"{data.Length} bytes are no multiple of {Granularity}", nameof(data));
        }

        Append(gpa, data, "DATA", label);
    }

    /// <summary>Adds the VMSA of one vCPU.</summary>
    /// <param name="vmsa">The VMSA, 4096 bytes.</param>
    /// <param name="label">Whose it is, for the trace.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public void UpdateVmsa(ReadOnlySpan<byte> vmsa, string label)
    {
        if (vmsa.Length != Vmsa.Size)
        {
            throw new ArgumentException($"a VMSA of {vmsa.Length} bytes instead of {Vmsa.Size}", nameof(vmsa));
        }

        Append(null, vmsa, "VMSA", label);
    }

    /// <summary>The digest so far, 32 bytes. More can be added afterwards.</summary>
    public byte[] GetDigest() => _hash.GetCurrentHash();

    /// <summary>A digest that goes on from here on its own, without trace and progress.</summary>
    public SevLaunchDigest Fork() => new(_hash.Clone(), ByteCount);

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();

    private void Append(ulong? gpa, ReadOnlySpan<byte> data, string kind, string label)
    {
        for (ReadOnlySpan<byte> rest = data; !rest.IsEmpty;)
        {
            ReadOnlySpan<byte> piece = rest[..Math.Min(rest.Length, PieceSize)];
            _hash.AppendData(piece);
            ByteCount += piece.Length;
            Progress?.Report(ByteCount);
            rest = rest[piece.Length..];
        }

        Trace?.Add(new MeasuredStep(label, kind, gpa, data.Length, SHA256.HashData(data), GetDigest()));
    }
}
