using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A piece of a kernel file and where it belongs in RAM.</summary>
/// <param name="FileOffset">First byte in the file.</param>
/// <param name="FileSize">Bytes from the file, at most the range's length; the rest of the range is zero.</param>
/// <param name="Range">Guest addresses.</param>
/// <param name="Field">The field of the file that describes it, for messages.</param>
internal readonly record struct ImageSegment(ulong FileOffset, ulong FileSize, GpaRange Range, string Field);
