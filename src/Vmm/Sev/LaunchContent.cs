using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a launch encrypts and measures, in the order in which it does.</summary>
/// <param name="Pieces">What was loaded into the guest's RAM.</param>
/// <param name="SaveAreas">For SEV-ES the vCPUs' save areas as the firmware will measure them; otherwise none.</param>
/// <param name="SecretArea">Where a secret goes whose sender names no place; empty for nowhere.</param>
public sealed record LaunchContent(IReadOnlyList<LoadedPiece> Pieces, IReadOnlyList<byte[]> SaveAreas, GpaRange SecretArea);
