using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Something that the loader put into the guest's RAM.</summary>
/// <param name="Name">
/// What it is: kernel, initrd, secret page, command line, ACPI tables, reset vector, zero page, start info, multiboot info, page tables or
/// GDT.
/// </param>
/// <param name="Range">Whole pages, without the C-bit; what the piece does not fill in them is zero. No two pieces share a page.</param>
public readonly record struct LoadedPiece(string Name, GpaRange Range)
{
    /// <summary>The name of the kernel's pieces.</summary>
    internal const string Kernel = "kernel";

    /// <summary>The name of the initrd.</summary>
    internal const string Initrd = "initrd";
}
