using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a SEV-SNP launch has come to.</summary>
/// <param name="Policy">The guest's policy.</param>
/// <param name="Digest">
/// The launch digest as computed here, 48 bytes: the firmware never tells it to the host, only to the guest in its report.
/// </param>
/// <param name="IsDigestWhole">True when the vCPUs' save areas are in <paramref name="Digest"/>; otherwise it ends before them.</param>
/// <param name="Pieces">What was launched, in order.</param>
/// <param name="HostData">32 bytes that every report repeats, or empty for zeros.</param>
public sealed record SnpLaunchResult(
    SnpPolicy Policy, ReadOnlyMemory<byte> Digest, bool IsDigestWhole, IReadOnlyList<SnpLaunchPiece> Pieces, ReadOnlyMemory<byte> HostData)
{
    /// <summary>The pieces with their hashes, in order; none where nobody asked for them.</summary>
    public IReadOnlyList<SnpLaunchedPiece> Launched { get; init; } = [];

    /// <summary>Bytes that were launched, without save areas.</summary>
    public ulong LaunchedBytes => Pieces.Aggregate(0UL, static (sum, piece) => sum + piece.Range.Length);
}
