namespace KvmSevVmm.Sev.Commands;

/// <summary>What PDH_CERT_EXPORT returns.</summary>
/// <param name="Pdh">The platform's Diffie-Hellman certificate, 2084 bytes.</param>
/// <param name="Chain">PEK, OCA and CEK, 6252 bytes.</param>
public sealed record PdhExport(ReadOnlyMemory<byte> Pdh, ReadOnlyMemory<byte> Chain);
