namespace KvmSevVmm.Vmm.Memory;

/// <summary>One line of the memory map that the guest is given at boot.</summary>
/// <param name="Range">Addresses, without the C-bit.</param>
/// <param name="Type">What the range is for.</param>
public readonly record struct E820Entry(GpaRange Range, E820Type Type);
