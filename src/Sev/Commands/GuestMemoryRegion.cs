namespace KvmSevVmm.Sev.Commands;

/// <summary>A whole range of guest RAM as the kernel pins it; unlike a <see cref="GuestPiece"/> it may be larger than 2 GiB.</summary>
/// <param name="Gpa">Guest physical address of the first byte, without the C-bit; a multiple of 4096.</param>
/// <param name="HostAddress">Address of the first byte in this process; a multiple of 4096.</param>
/// <param name="Length">Bytes; a multiple of 4096.</param>
public readonly record struct GuestMemoryRegion(ulong Gpa, nuint HostAddress, ulong Length);
