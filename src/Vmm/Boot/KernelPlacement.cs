using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Where a kernel will lie in a certain machine, and how it is entered: decided before the first byte is written.</summary>
/// <param name="Protocol">How the kernel is entered.</param>
/// <param name="Entry">Where it is entered.</param>
/// <param name="Segments">What is loaded, by ascending address, without overlaps.</param>
/// <param name="End">Behind all low RAM that the kernel takes before it knows its memory map; page aligned. The initrd lies above.</param>
internal sealed record KernelPlacement(BootProtocol Protocol, Gpa Entry, IReadOnlyList<ImageSegment> Segments, Gpa End);
