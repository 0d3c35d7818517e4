namespace KvmSevVmm.Vmm.Sev;

/// <summary>What an owner must know of a platform to make a session for it: QMP's <c>query-sev-capabilities</c>.</summary>
/// <param name="Pdh">The Diffie-Hellman certificate, 2084 bytes.</param>
/// <param name="Chain">PEK, OCA and CEK, 6252 bytes.</param>
/// <param name="Id">The identifiers of the sockets (GET_ID2), 64 bytes each.</param>
/// <param name="CBitPosition">The guest's C-bit.</param>
/// <param name="ReducedPhysicalBits">Address bits that the guest loses.</param>
public sealed record SevCapabilities(
    ReadOnlyMemory<byte> Pdh, ReadOnlyMemory<byte> Chain, ReadOnlyMemory<byte> Id, int CBitPosition, int ReducedPhysicalBits);
