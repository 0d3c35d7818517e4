namespace KvmSevVmm.Vmm.Boot;

/// <summary>A field of a kernel file, for people.</summary>
/// <param name="Name">The field as its specification names it.</param>
/// <param name="Value">Its value.</param>
public readonly record struct KernelField(string Name, string Value);
