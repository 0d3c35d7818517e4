namespace KvmSevVmm.Vmm.Acpi;

/// <summary>A byte that makes the sum of a range of bytes 0.</summary>
/// <param name="Block">The block that all of it is in.</param>
/// <param name="Offset">Where the byte is.</param>
/// <param name="Start">The first byte of the range.</param>
/// <param name="Length">Bytes in the range.</param>
public readonly record struct AcpiChecksum(AcpiBlock Block, int Offset, int Start, int Length);
