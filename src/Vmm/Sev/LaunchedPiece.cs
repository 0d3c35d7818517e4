using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>A piece of the guest as it was launched.</summary>
/// <param name="Name">What it is, as the loader names it.</param>
/// <param name="Range">Where the guest has it.</param>
/// <param name="Sha256">SHA-256 of its plain text, 32 bytes; empty where nobody asked for it.</param>
public sealed record LaunchedPiece(string Name, GpaRange Range, ReadOnlyMemory<byte> Sha256);
