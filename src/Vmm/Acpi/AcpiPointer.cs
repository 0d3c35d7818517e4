namespace KvmSevVmm.Vmm.Acpi;

/// <summary>A 64-bit field that points into the tables.</summary>
/// <param name="Block">The block that the field is in.</param>
/// <param name="Offset">Bytes from the block's start.</param>
public readonly record struct AcpiPointer(AcpiBlock Block, int Offset);
