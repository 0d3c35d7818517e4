using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Pages that a SEV-SNP launch adds to the guest.</summary>
/// <param name="Name">What they are: firmware, or the section of its metadata.</param>
/// <param name="Range">Whole pages, without the C-bit.</param>
/// <param name="Type">How the firmware of the processor takes them.</param>
public readonly record struct SnpLaunchPiece(string Name, GpaRange Range, SnpLaunchPageType Type);
