namespace KvmSevVmm.Vmm;

/// <summary>Accesses to one MSR that neither KVM nor the monitor knows.</summary>
/// <param name="Index">The MSR's number.</param>
/// <param name="Reads">How often the guest read it.</param>
/// <param name="Writes">How often the guest wrote it.</param>
public readonly record struct UnknownMsrCount(uint Index, ulong Reads, ulong Writes);
