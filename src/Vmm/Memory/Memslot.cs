namespace KvmSevVmm.Vmm.Memory;

/// <summary>One memslot as the kernel knows it.</summary>
/// <param name="Number">The slot's number.</param>
/// <param name="Range">Guest addresses as the kernel sees them: with the C-bit in an alias.</param>
/// <param name="HostAddress">Host virtual address of the first byte.</param>
/// <param name="IsAlias">Whether this is the half of simulated SEV that private accesses reach.</param>
public readonly record struct Memslot(uint Number, GpaRange Range, nuint HostAddress, bool IsAlias);
