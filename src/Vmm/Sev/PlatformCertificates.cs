namespace KvmSevVmm.Vmm.Sev;

/// <summary>The certificates of a platform, as its firmware gives them.</summary>
/// <param name="Pdh">The Diffie-Hellman certificate, 2084 bytes.</param>
/// <param name="Chain">PEK, OCA and CEK, 6252 bytes; the CEK carries no signature.</param>
/// <param name="SignedCek">The CEK with its signature, 2084 bytes; empty on hardware, where AMD's server has it.</param>
/// <param name="Authority">ASK and ARK; empty on hardware, where AMD's server has them. A model's are never AMD's.</param>
public sealed record PlatformCertificates(
    ReadOnlyMemory<byte> Pdh, ReadOnlyMemory<byte> Chain, ReadOnlyMemory<byte> SignedCek, ReadOnlyMemory<byte> Authority);
