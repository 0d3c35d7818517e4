namespace KvmSevVmm.Vmm.Sev;

/// <summary>Pages of a SEV-SNP guest as they were launched and measured.</summary>
/// <param name="Piece">The pages.</param>
/// <param name="Sha384">SHA-384 of their plain text, 48 bytes; empty for pages whose contents are not measured.</param>
/// <param name="DigestAfter">The launch digest after them, 48 bytes.</param>
public sealed record SnpLaunchedPiece(SnpLaunchPiece Piece, ReadOnlyMemory<byte> Sha384, ReadOnlyMemory<byte> DigestAfter);
