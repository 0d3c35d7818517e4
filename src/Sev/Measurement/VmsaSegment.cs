namespace KvmSevVmm.Sev.Measurement;

/// <summary>A segment register in a VMSA.</summary>
/// <param name="Selector">The selector.</param>
/// <param name="Attributes">Type, S, DPL, P in bits 0 to 7; AVL, L, DB, G in bits 8 to 11.</param>
/// <param name="Limit">The limit in bytes.</param>
/// <param name="Base">The linear address.</param>
/// <remarks>Source: AMD64 Architecture Programmer's Manual, volume 2, VMCB state save area.</remarks>
public readonly record struct VmsaSegment(ushort Selector, ushort Attributes, uint Limit, ulong Base);
